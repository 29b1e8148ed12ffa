package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"fluent-bit-sls/out_sls/internal/producer"
	"fluent-bit-sls/out_sls/internal/route"
	"fluent-bit-sls/out_sls/internal/schedule"
	"fluent-bit-sls/shared/flb"
	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/shared/startup"
)

// version is set when the plugin is built (-ldflags -X main.version=...).
var version = "dev"

// stopTimeout bounds what a shutdown waits for requests in flight.
const stopTimeout = 5 * time.Second

// maxConns is how many idle connections are kept: as many as an instance has requests in
// flight at once, since the logstores of a project share a host. Unused ones are closed
// within a minute.
const maxConns = 512

// config is everything an [OUTPUT] section can set.
type config struct {
	conn  sls.ConnectionConfig
	check startup.Config
	route route.Config
	send  producer.Config
}

// options declares every option of the plugin, in the order of the README.
func (c *config) options() []option.Option {
	check := c.check.Options(startup.Off, "a write to each known destination that it must refuse")
	return slices.Concat(c.route.Options(), c.send.Options(), c.conn.Options(), check)
}

// validate checks what no option can check alone. given has the options as they were typed.
func (c *config) validate(given option.Getter) error {
	return errors.Join(c.conn.Validate(), c.route.Validate(), c.send.Validate(), c.bucketsOfOnce(given))
}

// bucketsOfOnce says what hash_buckets 0 would mean here, beside what is said of 0 alone.
func (c *config) bucketsOfOnce(given option.Getter) error {
	if !c.send.ExactlyOnce || given.Property("hash_buckets") != "0" {
		return nil
	}
	return errors.New("option exactly_once = \"on\": not with hash_buckets = \"0\": each hash key would have numbers of its own, and SLS remembers those of 10,000 keys in a shard")
}

// instance is one [OUTPUT] section.
type instance struct {
	host     *flb.Instance
	log      *slog.Logger
	client   *sls.Client
	producer *producer.Producer
	publish  func()  // ends the publishing of the metrics
	endCheck func()  // ends startup_check
	state    string  // its file in state_path; "" = none
	thread   uintptr // the engine's own, which starts the sections
	warned   sync.Once
}

// engineThread is the engine's own, for the sections whose flushes run there.
var engineThread schedule.Thread

// checkThread finds out once, and warns, when flushes run on the engine's own thread: the engine
// does not tell a plugin how many workers its section has.
func (i *instance) checkThread(id uintptr) {
	if id != i.thread {
		return
	}
	i.warned.Do(func() {
		i.producer.ShareThread(&engineThread)
		i.log.Warn("flushes run on Fluent Bit's own thread and hold up inputs and timers: set `workers` in this section, e.g. workers 4")
	})
}

// instances counts the live ones: the engine numbers them in the order in which
// it starts them, and starts anew when it reloads.
var instances atomic.Int32

// fallbackName names the next instance for hosts that do not tell its name.
func fallbackName() string { return fmt.Sprintf("sls.%d", instances.Load()) }

// start brings up one [OUTPUT] section and binds it to host. An error holds every
// problem of the configuration; nothing is sent to find one, except with
// startup_check fail.
func start(host *flb.Instance, log *slog.Logger) error {
	if err := incoming.serve(); err != nil {
		return err
	}
	var c config
	opts := c.options()
	startup.Names(host, option.Output, opts, hints(), log)
	if err := errors.Join(option.Gone(host, gone()), option.Parse(host, opts), c.validate(host)); err != nil {
		return err
	}
	router, err := route.New(c.route)
	if err != nil {
		return err
	}
	client, err := sls.New(c.conn.ClientConfig("fluent-bit-sls-out/"+version, maxConns, log))
	if err != nil {
		return err
	}
	c.send.Instance = host.Name()
	i := &instance{host: host, log: log, client: client, state: c.send.StateFile(), thread: flb.Thread()}
	if err := stateFiles.take(i.state, c.send.Instance); err != nil {
		client.Close()
		return err
	}
	check := c.newCheck(client, log)
	if i.producer, err = producer.New(c.send, router, client, log); err == nil {
		i.producer.OnAnswer(startup.NewAnswers(check).Note)
		err = check.Require()
	}
	if err == nil {
		err = host.Bind(i)
	}
	if err != nil {
		i.discard()
		return err
	}
	instances.Add(1)
	i.publish = host.Publish(i.producer.Metrics())
	for _, warning := range append(c.conn.Warnings(), c.route.Warnings()...) {
		log.Warn(warning)
	}
	log.Info("started, version " + version + ": " + option.Effective(opts))
	i.endCheck = check.Watch()
	return nil
}

// discard ends a section that does not start.
func (i *instance) discard() {
	if i.producer != nil {
		i.producer.Stop(context.Background()) // nothing was sent
	}
	stateFiles.give(i.state)
	i.client.Close()
}

// stop ends the section: bounded in time, nothing stays behind.
func (i *instance) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	i.endCheck()
	i.producer.Stop(ctx)
	stateFiles.give(i.state)
	i.publish()
	i.client.Close()
	i.host.Close()
	flb.QuietWorkers("sls")
	instances.Add(-1)
}
