package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"fluent-bit-sls/tests/demo"
	"fluent-bit-sls/tests/flbhost"
)

// workers is how many flushes run at once, as `workers` of an [OUTPUT] section.
const workers = 4

// testHost is flbhost.
type testHost struct {
	plugins Plugins
	bin     string
	wrapper []string // see flbhost.Options
}

// Emulated returns flbhost for plugins of another processor: bin is the host
// built for it, wrapper the command that runs it.
func Emulated(plugins Plugins, bin string, wrapper []string) Host {
	return &testHost{plugins: plugins, bin: bin, wrapper: wrapper}
}

func newTestHost(ctx context.Context, plugins Plugins, dir string) (*testHost, error) {
	bin, err := flbhost.Build(ctx, dir)
	return &testHost{plugins: plugins, bin: bin}, err
}

// Name implements Host.
func (h *testHost) Name() string { return "flbhost" }

// process is a running flbhost.
type process struct {
	*flbhost.Host
	log  *logBuffer
	ship func(context.Context) error // waits until everything is shipped
}

// Log implements Running.
func (p *process) Log() string { return p.log.String() }

// Stop implements Running.
func (p *process) Stop(ctx context.Context) error {
	var err error
	if p.ship != nil {
		err = p.ship(ctx)
	}
	return errors.Join(err, p.Exit(ctx))
}

// logBuffer collects log lines.
type logBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

// Write implements io.Writer.
func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logBuffer) line(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.WriteString(text + "\n")
}

// String is all that was written.
func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// start loads one plugin into a new process and starts one instance.
func (h *testHost) start(ctx context.Context, so string, props map[string]string) (*process, *flbhost.Instance, error) {
	p := &process{log: &logBuffer{}}
	opts := flbhost.Options{Workers: workers, Wrapper: h.wrapper, OnLog: p.log.line}
	var err error
	if p.Host, err = flbhost.Start(ctx, h.bin, opts); err != nil {
		return nil, nil, err
	}
	plugin, err := p.Load(so)
	if err != nil {
		return nil, nil, errors.Join(err, p.Kill())
	}
	i, err := p.Init(plugin, props)
	if err != nil {
		return nil, nil, errors.Join(err, fmt.Errorf("log:\n%s", p.Log()), p.Kill())
	}
	return p, i, nil
}

// Ship implements Host.
func (h *testHost) Ship(ctx context.Context, file string, props map[string]string) (Running, error) {
	p, i, err := h.start(ctx, h.plugins.Out, props)
	if err != nil {
		return nil, err
	}
	shipper := flbhost.NewShipper(i, flbhost.ShipperConfig{Concurrency: workers, RetryLimit: flbhost.NoLimit})
	read := make(chan error, 1)
	go func() { read <- shipFile(ctx, shipper, file) }()
	p.ship = func(ctx context.Context) error { return errors.Join(<-read, shipper.Wait(ctx)) }
	return p, nil
}

func shipFile(ctx context.Context, shipper *flbhost.Shipper, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	_, err = demo.EachChunk(f, time.Now, func(chunk []byte, _ int) error {
		return shipper.Ship(ctx, "demo", bytes.Clone(chunk))
	})
	return errors.Join(err, f.Close())
}

// Consume implements Host.
func (h *testHost) Consume(ctx context.Context, props map[string]string, sink func([]Event)) (Running, error) {
	p, i, err := h.start(ctx, h.plugins.In, props)
	if err != nil {
		return nil, err
	}
	i.OnCollect(func(buf []byte) {
		events, err := decodeEvents(buf)
		if err != nil {
			p.log.line("the plugin handed over what is no sequence of events: " + err.Error())
		}
		sink(events)
	})
	return p, nil
}

// decodeEvents decodes [[EventTime, {}], {...}] one after the other with the
// reference library.
func decodeEvents(buf []byte) ([]Event, error) {
	r := bytes.NewReader(buf)
	d := msgpack.NewDecoder(r)
	var events []Event
	for r.Len() > 0 {
		from := len(buf) - r.Len()
		e, err := decodeEvent(d)
		if err != nil {
			return events, fmt.Errorf("event at byte %d of %d: %w", from, len(buf), err)
		}
		e.Raw = buf[from : len(buf)-r.Len()]
		events = append(events, e)
	}
	return events, nil
}

func decodeEvent(d *msgpack.Decoder) (Event, error) {
	for range 2 { // the event and its header
		n, err := d.DecodeArrayLen()
		if err == nil && n != 2 {
			err = fmt.Errorf("%d elements", n)
		}
		if err != nil {
			return Event{}, fmt.Errorf("an array of 2: %w", err)
		}
	}
	id, length, err := d.DecodeExtHeader()
	if err == nil && (id != 0 || length != 8) {
		err = fmt.Errorf("type %d, %d bytes", id, length)
	}
	if err != nil {
		return Event{}, fmt.Errorf("an EventTime: %w", err)
	}
	var t [8]byte
	if err := d.ReadFull(t[:]); err != nil {
		return Event{}, err
	}
	if _, err := d.DecodeMap(); err != nil {
		return Event{}, fmt.Errorf("metadata: %w", err)
	}
	record, err := d.DecodeMap()
	if err != nil {
		return Event{}, fmt.Errorf("record: %w", err)
	}
	return Event{Time: eventTime(t), Record: record}, nil
}

func eventTime(b [8]byte) time.Time {
	sec := int64(b[0])<<24 | int64(b[1])<<16 | int64(b[2])<<8 | int64(b[3])
	nsec := int64(b[4])<<24 | int64(b[5])<<16 | int64(b[6])<<8 | int64(b[7])
	return time.Unix(sec, nsec)
}
