package consumer

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"sync"
	"time"

	"fluent-bit-sls/shared/buffer"
	"fluent-bit-sls/shared/panics"
	"fluent-bit-sls/shared/sls"
)

// shared is what the parts of one engine have in common; none of it changes
// after New. logs and log are those of one logstore: see of.
type shared struct {
	cfg      Config
	start    position
	fallback position
	stop     bound
	logs     sls.Logstore
	log      *slog.Logger
	metrics  *metrics
	handoff  *handoff
	budget   *budget
	buffers  *buffer.Pool
	fetches  slots
	panics   *panics.Guard
	barrier  *barrier // nil unless checkpoint is delivered
}

// of returns a copy of s for one logstore: all of them share one hand-over, one
// budget and one set of metrics.
func (s *shared) of(client *sls.Client, logstore string) *shared {
	one := *s
	one.logs = client.Logstore(s.cfg.Project, logstore)
	one.log = s.log.With("logstore", logstore)
	one.panics = s.panics.Into(one.log)
	return &one
}

// source reads one logstore. run returns once its contexts have ended, or there
// is nothing more to read, and everything it started has ended.
type source interface {
	run(hard, reading context.Context)
}

// leaveAfter is how many lists in a row must lack a logstore before its source
// ends: a list comes in pages, and one that is deleted between two of them may
// hide another.
const leaveAfter = 2

// logstores is the set of logstores that are read: those of the options, or
// those a pattern finds. Its run goroutine starts and ends their sources.
type logstores struct {
	*shared
	client  *sls.Client
	pattern *regexp.Regexp // nil: the list of the options, for good

	// Owned by run.
	members map[string]*member
	listed  time.Time // when the last good list was asked for
	waiting bool      // it had more than are read at once
	ending  sync.WaitGroup
	retry   backoff
	trouble complaint
}

// member is one logstore with the source that reads it.
type member struct {
	src    source
	stop   context.CancelFunc
	missed int           // lists in a row without it
	left   bool          // told to stop, because it was missing
	done   chan struct{} // closed when the source has ended
}

func (m *member) ended() bool {
	select {
	case <-m.done:
		return true
	default:
		return false
	}
}

func newLogstores(s *shared, client *sls.Client) (*logstores, error) {
	l := &logstores{
		shared: s, client: client, members: map[string]*member{},
		retry: backoff{least: time.Second, most: max(s.cfg.DiscoveryInterval, time.Second)},
	}
	if s.cfg.LogstorePattern == "" {
		return l, nil
	}
	var err error
	if l.pattern, err = wholeName(s.cfg.LogstorePattern); err != nil {
		return nil, fmt.Errorf("option logstore_pattern: %q: %w", s.cfg.LogstorePattern, err)
	}
	return l, nil
}

// run is the life of the engine. reading ends when it is to stop; hard ends
// when what is still going on has to be abandoned.
func (l *logstores) run(hard, reading context.Context) {
	defer l.ending.Wait()
	if l.pattern == nil {
		for _, name := range l.cfg.Logstores {
			l.join(hard, reading, name)
		}
		return
	}
	for {
		var pause time.Duration
		if l.panics.Catch("the discovery of logstores", func() { pause = l.discover(hard, reading) }) != nil {
			pause = l.retry.pause(0)
		}
		if l.complete() || !wait(reading, pause) {
			return
		}
	}
}

// complete reports whether what a pattern finds has been read to its bound: what
// was not in a list made after it has only data from after it.
func (l *logstores) complete() bool {
	return l.stop.known(l.listed) && !l.waiting && len(l.members) > 0 && l.running() == 0
}

// running is how many logstores are being read.
func (l *logstores) running() int {
	n := 0
	for _, m := range l.members {
		if !m.ended() {
			n++
		}
	}
	return n
}

// discover lists the logstores and makes the sources what the list says. It
// returns how long to wait until the next time.
func (l *logstores) discover(hard, reading context.Context) time.Duration {
	asked := time.Now()
	names, err := l.client.ListLogstores(reading, l.cfg.Project)
	if err != nil {
		if reading.Err() == nil {
			l.trouble.log(reading, l.log, level(err), "cannot list the logstores", "error", err)
		}
		return l.retry.pause(retryAfter(err))
	}
	l.retry.reset()
	// One that left goes off the list once its source has ended: two in one name
	// would take the shards from each other.
	maps.DeleteFunc(l.members, func(_ string, m *member) bool { return m.left && m.ended() })
	l.listed, l.waiting = asked, false
	var come, gone []string
	running, listed := l.running(), map[string]bool{}
	for _, name := range names {
		if !l.pattern.MatchString(name) {
			continue
		}
		listed[name] = true
		switch {
		case l.members[name] != nil:
		case running >= maxAtOnce:
			l.waiting = true
		default:
			l.join(hard, reading, name)
			come = append(come, name)
			running++
		}
	}
	for name, m := range l.members {
		if m.missed++; listed[name] {
			m.missed = 0
		} else if m.missed >= leaveAfter && !m.left {
			m.left = true
			m.stop()
			gone = append(gone, name)
		}
	}
	if len(come)+len(gone) > 0 {
		slices.Sort(gone)
		l.log.Info("logstores found", "joined", come, "left", gone)
	}
	return l.cfg.DiscoveryInterval
}

// join starts the source of a logstore.
func (l *logstores) join(hard, reading context.Context, name string) {
	reading, stop := context.WithCancel(reading)
	m := &member{src: l.source(name), stop: stop, done: make(chan struct{})}
	l.members[name] = m
	l.panics.Go(&l.ending, "the reading of a logstore", func() {
		defer close(m.done)
		defer stop()
		m.src.run(hard, reading)
	})
}

func (l *logstores) source(name string) source {
	s := l.of(l.client, name)
	switch {
	case len(l.cfg.Replay) > 0:
		return newReplay(s)
	case l.cfg.ConsumerGroup == noGroup:
		return newSolo(s)
	default:
		return newGroup(s)
	}
}
