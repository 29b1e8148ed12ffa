package consumer

import (
	"context"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"sync"
	"time"

	"fluent-bit-sls/in_sls/internal/retry"
	"fluent-bit-sls/in_sls/internal/shard"
	"fluent-bit-sls/shared/panics"
	"fluent-bit-sls/shared/sls"
)

// source reads one logstore. Run returns once its contexts have ended, or there is nothing
// more to read, and everything that it started has ended.
type source interface {
	Run(hard, reading context.Context)
}

// leaveAfter is how many lists in a row must lack a logstore before its source ends. A list
// comes in pages, and a logstore that is deleted between two pages may hide another.
const leaveAfter = 2

// logstores is the set of logstores that are read: those of the options, or those that
// match a pattern. The goroutine of run starts and ends their sources.
type logstores struct {
	client    *sls.Client
	project   string
	names     []string       // of the options
	pattern   *regexp.Regexp // nil: names, for good
	interval  time.Duration  // between two looks for logstores
	stop      shard.Stop
	newSource func(logstore string) source
	panics    *panics.Guard
	log       *slog.Logger

	// Owned by run.
	members map[string]*member
	listed  time.Time // when the last good list was asked for
	waiting bool      // it had more logstores than are read at once
	running sync.WaitGroup
	retry   retry.Backoff
	failure retry.Failure
}

// member is one logstore and the source that reads it.
type member struct {
	src    source
	stop   context.CancelFunc
	missed int           // lists in a row without it
	left   bool          // stopped, because it was missing
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

// run reads until reading ends, which stops everything, or all there is has been read. hard
// ends when everything still going on is to be abandoned.
func (l *logstores) run(hard, reading context.Context) {
	defer l.running.Wait()
	if l.pattern == nil {
		for _, name := range l.names {
			l.join(hard, reading, name)
		}
		return
	}
	for {
		var pause time.Duration
		if l.panics.Catch("the discovery of logstores", func() { pause = l.discover(hard, reading) }) != nil {
			pause = l.retry.Pause(0)
		}
		if l.complete() || !retry.Wait(reading, pause) {
			return
		}
	}
}

// complete reports whether everything that the pattern finds has been read up to
// stop_position. A logstore that was not in a list made after that time has only data from
// after it.
func (l *logstores) complete() bool {
	return l.stop.Past(l.listed) && !l.waiting && len(l.members) > 0 && l.active() == 0
}

// active is how many logstores are being read.
func (l *logstores) active() int {
	n := 0
	for _, m := range l.members {
		if !m.ended() {
			n++
		}
	}
	return n
}

// discover lists the logstores, and starts and ends sources as the list says. It returns how
// long to wait until the next time.
func (l *logstores) discover(hard, reading context.Context) time.Duration {
	asked := time.Now()
	names, err := l.client.ListLogstores(reading, l.project)
	if err != nil {
		if reading.Err() == nil {
			l.failure.Log(reading, l.log, retry.Level(err), "cannot list the logstores", "error", err)
		}
		return l.retry.Pause(retry.After(err))
	}
	l.retry.Reset()
	// A logstore that was left is forgotten once its source has ended: two members of one
	// name would take the shards from each other.
	maps.DeleteFunc(l.members, func(_ string, m *member) bool { return m.left && m.ended() })
	l.listed, l.waiting = asked, false
	var come, gone []string
	active, listed := l.active(), map[string]bool{}
	for _, name := range names {
		if !l.pattern.MatchString(name) {
			continue
		}
		listed[name] = true
		switch {
		case l.members[name] != nil:
		case active >= maxLogstores:
			l.waiting = true
		default:
			l.join(hard, reading, name)
			come = append(come, name)
			active++
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
	return l.interval
}

// join starts the source of a logstore.
func (l *logstores) join(hard, reading context.Context, name string) {
	reading, stop := context.WithCancel(reading)
	m := &member{src: l.newSource(name), stop: stop, done: make(chan struct{})}
	l.members[name] = m
	l.panics.Go(&l.running, "the reading of a logstore", func() {
		defer close(m.done)
		defer stop()
		m.src.Run(hard, reading)
	})
}
