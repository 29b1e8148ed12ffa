package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"fluent-bit-sls/in_sls/internal/consumer"
	"fluent-bit-sls/in_sls/internal/monitor"
	"fluent-bit-sls/shared/flb"
	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/panics"
	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/shared/startup"
)

// version is set when the plugin is built (-ldflags -X main.version=...).
var version = "dev"

// stopTimeout bounds what a shutdown spends on the last checkpoints.
const stopTimeout = 5 * time.Second

// config is everything an [INPUT] section can set.
type config struct {
	conn  sls.ConnectionConfig
	check startup.Config
	read  consumer.Config
}

// options declares every option of the plugin, in the order of the README.
func (c *config) options() []option.Option {
	check := c.check.Options(startup.Warn, "the first call of each logstore's reading")
	return slices.Concat(c.read.Options(), c.conn.Options(), check)
}

// instance is one [INPUT] section.
type instance struct {
	host     *flb.Instance
	thread   uintptr // of the engine, which calls everything of this section on it
	log      *slog.Logger
	client   *sls.Client
	monitor  *monitor.Engine
	consumer *consumer.Consumer
	publish  func()  // ends the publishing of the metrics
	endCheck func()  // ends startup_check
	buffer   []byte  // of collect, which the engine calls on one thread
	direct   *direct // nil: by callback
}

// start starts one [INPUT] section and binds it to host. An error holds every problem of the
// configuration. Nothing is sent to find one, except with startup_check fail.
func start(host *flb.Instance, log *slog.Logger) error {
	var c config
	c.read.DefaultConsumer = defaultConsumer(host.Name())
	opts := c.options()
	startup.Names(host, option.Input, opts, hints(), log)
	appender := host.Appender()
	if err := errors.Join(option.Gone(host, gone()), option.Parse(host, opts), c.conn.Validate(), c.read.ChooseHandover(appender != nil), c.read.Validate()); err != nil {
		return err
	}
	engineMonitor := monitor.New(c.read.MonitorURL, host.Name(), c.read.MonitorInputs)
	c.read.Monitor = engineMonitor
	// A connection is kept for each of the pulls at once, and for a heartbeat.
	client, err := sls.New(c.conn.ClientConfig("fluent-bit-sls-in/"+version, c.read.MaxFetches+1, log))
	if err != nil {
		return err
	}
	check := c.newCheck(client, log)
	engine, err := consumer.New(c.read, client, log)
	if err == nil {
		err = check.Require()
	}
	if err != nil {
		client.Close()
		return err
	}
	i := &instance{host: host, thread: flb.Thread(), log: log, client: client, monitor: engineMonitor, consumer: engine}
	if err := running.add(i); err != nil {
		client.Close()
		return err
	}
	if c.read.Direct() {
		i.direct = newDirect(appender, log)
	}
	i.publish = host.Publish(engine.Metrics())
	for _, warning := range c.conn.Warnings() {
		log.Warn(warning)
	}
	log.Info("started, version " + version + ": " + option.Effective(opts))
	i.endCheck = check.Watch()
	engine.Start()
	return nil
}

// defaultConsumer names a group member uniquely: host, process and instance.
func defaultConsumer(instance string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), instance)
}

// collect returns the events that are ready. They are valid until the next call.
func (i *instance) collect() []byte {
	i.buffer = i.consumer.Collect(i.buffer[:0])
	return i.buffer
}

// direct is how a section hands over directly. Its methods are those of handover.Engine.
type direct struct {
	*flb.Appender
	*flb.Inbox

	stop    context.CancelFunc // ends the search for the inbox
	running sync.WaitGroup
}

// newDirect is called on the thread that the engine will call the section on.
func newDirect(appender *flb.Appender, log *slog.Logger) *direct {
	ctx, cancel := context.WithCancel(context.Background())
	d := &direct{Appender: appender, Inbox: flb.NewInbox(), stop: cancel}
	panics.New(log, nil).Go(&d.running, "the search for the engine's messages", func() { d.Find(ctx) })
	return d
}

// close ends what newDirect began.
func (d *direct) close() {
	d.stop()
	d.running.Wait()
}

// stop ends the section within stopTimeout, and leaves nothing behind.
func (i *instance) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	i.endCheck()
	if i.direct != nil {
		i.direct.close()
	}
	if err := i.consumer.Stop(ctx); err != nil {
		i.log.Warn("stopped before every checkpoint was written: some records will be read again", "error", err)
	}
	i.publish()
	i.client.Close()
	i.monitor.Close()
	i.host.Close()
}

// table has the instances that run. Pause, resume and exit come without a context. A pause
// and a resume mean the instance that was started on the same thread, an exit means all of
// them. Fluent Bit loads a plugin once and keeps it over reloads, and so it keeps this table.
type table struct {
	mu     sync.Mutex // guards what follows
	live   []*instance
	single bool // this engine has no input contexts: one instance at most
}

var running table

// fallbackName names the next instance where the host does not say its name.
func (t *table) fallbackName() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Sprintf("sls.%d", len(t.live))
}

// add binds i to its host and adds it to the table.
func (t *table) add(i *instance) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := i.host.Bind(i)
	switch {
	case errors.Is(err, flb.ErrNoContext) && len(t.live) == 0:
		t.single = true
	case err != nil:
		return fmt.Errorf("a second sls input in one process needs Fluent Bit 4.1 or newer: %w", err)
	}
	t.live = append(t.live, i)
	return nil
}

// only is the instance of an engine that has no input contexts.
func (t *table) only() *instance {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.single || len(t.live) == 0 {
		return nil
	}
	return t.live[0]
}

func (t *table) pause(thread uintptr)  { t.each(thread, (*consumer.Consumer).Pause) }
func (t *table) resume(thread uintptr) { t.each(thread, (*consumer.Consumer).Resume) }

// each calls do for the instance of a thread, or for all if no instance has the thread.
func (t *table) each(thread uintptr, do func(*consumer.Consumer)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := slices.ContainsFunc(t.live, func(i *instance) bool { return i.thread == thread })
	for _, i := range t.live {
		if i.thread == thread || !known {
			do(i.consumer)
		}
	}
}

// stop ends every instance. All are ended at the same time, so that a shutdown takes no
// longer with more of them.
func (t *table) stop() {
	t.mu.Lock()
	live := t.live
	t.live, t.single = nil, false
	t.mu.Unlock()
	var wg sync.WaitGroup
	for _, i := range live {
		panics.New(i.log, nil).Go(&wg, "stop", i.stop)
	}
	wg.Wait()
}
