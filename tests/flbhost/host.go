package flbhost

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"
)

// Direction says which way a plugin works, in the engine's numbers.
type Direction int

// The directions a Go plugin can register.
const (
	Input  Direction = 1
	Output Direction = 2
)

// Plugin is one loaded shared library.
type Plugin struct {
	Name        string
	Description string
	Direction   Direction
	id          uint32
}

// Host is one running host process.
type Host struct {
	opts   Options
	conn   *conn
	output *output
	clock  clock

	proc   *exec.Cmd
	killed sync.Once
	// exited is closed when the process is reaped and everything it sent has
	// been dispatched; exitErr is set before that.
	exited  chan struct{}
	exitErr error

	mu        sync.Mutex // guards instances
	instances map[uint32]*Instance
	handing   sync.WaitGroup // running OnCollect calls
}

// Start starts bin, the program Build made, and waits until it answers. ctx
// bounds the start only: the process lives until Exit or Kill, or until this
// process ends.
func Start(ctx context.Context, bin string, opts Options) (*Host, error) {
	opts.withDefaults()
	if err := opts.check(); err != nil {
		return nil, fmt.Errorf("start flbhost: %w", err)
	}
	h := &Host{
		opts:      opts,
		output:    &output{onLog: opts.OnLog},
		clock:     newClock(),
		exited:    make(chan struct{}),
		instances: map[uint32]*Instance{},
	}
	events, err := h.spawn(ctx, bin)
	if err != nil {
		return nil, fmt.Errorf("start flbhost: %w", err)
	}
	up := h.conn.expect(0)
	go h.run(events)
	if _, err := h.conn.wait(ctx, 0, up); err != nil {
		return nil, errors.Join(fmt.Errorf("start flbhost: %w", err), h.Kill())
	}
	return h, nil
}

// spawn starts the process with the request pipe as fd 3 and the event pipe as
// fd 4: 1 and 2 are left for what plugins print.
func (h *Host) spawn(ctx context.Context, bin string) (events *os.File, err error) {
	reqR, reqW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reqR.Close() //nolint:errcheck // the child has its own copy
	evR, evW, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, reqW.Close())
	}
	defer evW.Close() //nolint:errcheck // the child has its own copy
	command := slices.Concat(h.opts.Wrapper, []string{bin}, h.opts.args())
	h.proc = exec.CommandContext(context.WithoutCancel(ctx), command[0], command[1:]...)
	h.proc.Env = slices.Concat(os.Environ(), []string{honourBase}, h.opts.Env)
	h.proc.ExtraFiles = []*os.File{reqR, evW}
	h.proc.Stdout, h.proc.Stderr = h.output, h.output
	// A child of the plugin's that keeps standard error open must not keep
	// the driver waiting.
	h.proc.WaitDelay = time.Second
	h.conn = newConn(reqW)
	if err := h.proc.Start(); err != nil {
		return nil, errors.Join(err, reqW.Close(), evR.Close())
	}
	return evR, nil
}

// run dispatches what the host sends until its pipe closes, which it does when
// the process has ended, and then settles every call that still waits.
func (h *Host) run(events *os.File) {
	r := bufio.NewReaderSize(events, 1<<16)
	var broken error
	for {
		f, err := readFrame(r)
		if err == nil {
			err = h.dispatch(f)
		}
		if err != nil {
			if !isEOF(err) {
				broken = err
				h.kill()
			}
			break
		}
	}
	waitErr := h.proc.Wait()
	h.output.flush()
	_ = events.Close()
	if broken != nil || waitErr != nil {
		h.exitErr = h.newExitError(broken, waitErr)
	}
	h.conn.close(h.exitErr)
	close(h.exited)
}

func (h *Host) dispatch(f frame) error {
	switch f.kind {
	case evDone, evError:
		return h.conn.settle(f)
	case evLog:
		line, err := decodeText(f.body)
		if err == nil {
			h.output.line(line)
		}
		return err
	case evData:
		id, at, tag, buf, err := decodeData(f.body)
		if err != nil {
			return err
		}
		h.instance(id).collected(collected{tag: tag, buf: buf, at: h.clock.time(at)})
		return nil
	default:
		return fmt.Errorf("frame of unknown kind %#x", f.kind)
	}
}

// instance returns the instance of that id; its first buffer may come before
// the answer to its init does.
func (h *Host) instance(id uint32) *Instance {
	h.mu.Lock()
	defer h.mu.Unlock()
	ins := h.instances[id]
	if ins == nil {
		ins = &Instance{host: h, id: id}
		h.instances[id] = ins
	}
	return ins
}

// Load loads a shared library and registers its plugin.
func (h *Host) Load(path string) (Plugin, error) {
	body, err := h.conn.call(context.Background(), reqLoad, appendString(nil, path), nil)
	if err != nil {
		return Plugin{}, err
	}
	return decodePlugin(body)
}

// Init makes an instance of the plugin with these properties, as one section
// of a configuration would, and starts it: an input collects from now on.
func (h *Host) Init(plugin Plugin, props map[string]string) (*Instance, error) {
	var typed []Property
	for _, key := range slices.Sorted(maps.Keys(props)) {
		typed = append(typed, Property{key, props[key]})
	}
	return h.InitTyped(plugin, typed)
}

// Property is one line of a section.
type Property struct{ Key, Value string }

// InitTyped is Init with the properties in this order. A key may come several times: the
// engine keeps each item of a YAML list under the same key.
func (h *Host) InitTyped(plugin Plugin, props []Property) (*Instance, error) {
	body := appendU32(appendU32(nil, plugin.id), uint32(len(props)))
	for _, p := range props {
		body = appendString(appendString(body, p.Key), p.Value)
	}
	body, err := h.conn.call(context.Background(), reqInit, body, nil)
	if err != nil {
		return nil, err
	}
	id, name, err := decodeInstance(body)
	if err != nil {
		return nil, err
	}
	ins := h.instance(id)
	ins.Name, ins.Plugin = name, plugin
	return ins, nil
}

// Pause pauses every input instance, as the engine does when it shuts down,
// and returns when each has been told on its own thread. As in the engine the
// plugin learns it without a context, and with several instances only the last
// initialised one's collector stops.
func (h *Host) Pause() error { return h.pause(reqPause, allInstances, true) }

// Resume undoes Pause.
func (h *Host) Resume() error { return h.pause(reqResume, allInstances, true) }

func (h *Host) pause(kind byte, instance uint32, wait bool) error {
	return h.tell(kind, appendBool(appendU32(nil, instance), wait))
}

// tell sends a request that is answered by nothing.
func (h *Host) tell(kind byte, body []byte) error {
	_, err := h.conn.call(context.Background(), kind, body, nil)
	return err
}

// Reload is a hot reload: every plugin is registered again while the old
// configuration runs, then all instances are stopped and the old registrations
// dropped. It returns before any new instance exists: Init makes them, on the
// same Plugin values. Old Instance values answer with an error from now on.
func (h *Host) Reload(ctx context.Context) error {
	_, err := h.conn.call(ctx, reqReload, nil, nil)
	return err
}

// Exit shuts the engine down and waits for the end of the process and of the
// OnCollect calls. It reports an abnormal end and data races that plugins
// built with -race have printed. When ctx ends first the process is killed.
func (h *Host) Exit(ctx context.Context) error {
	_, _ = h.conn.call(ctx, reqExit, nil, nil) // how it ended is in exitErr
	select {
	case <-h.exited:
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("exit flbhost: %w", ctx.Err()), h.Kill())
	}
	h.handing.Wait()
	if h.exitErr != nil {
		return h.exitErr
	}
	if n := h.output.raceCount(); n > 0 {
		return fmt.Errorf("%d data races in the plugins:\n%s", n, h.output.tail())
	}
	return nil
}

// Kill ends the process with SIGKILL, whatever it does, and waits until it is
// gone. Calls that wait return an *ExitError. It may be called at any time.
func (h *Host) Kill() error {
	h.kill()
	<-h.exited
	h.handing.Wait()
	return nil
}

func (h *Host) kill() {
	// An error says that the process has ended already.
	h.killed.Do(func() { _ = h.proc.Process.Kill() })
}

// Exited is closed when the process has ended.
func (h *Host) Exited() <-chan struct{} { return h.exited }

// Pid is the process id of the host.
func (h *Host) Pid() int { return h.proc.Process.Pid }

// Stderr returns the last 64 KiB of the process's standard output and error.
func (h *Host) Stderr() string { return h.output.tail() }
