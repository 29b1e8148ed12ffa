package sls

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

const (
	maxEndpoints = 8
	// failureStreak is how many requests in a row an endpoint may fail before the
	// next one is used.
	failureStreak = 3
	// probeEvery is how often the first endpoint is tried while another is in use,
	// give or take a quarter.
	probeEvery = time.Minute
	// logEvery is the least time between two log lines about switching.
	logEvery = 30 * time.Second
)

// endpoints is the list of endpoints and which of them is in use: the first, as
// long as it answers. Requests read and change it without a lock.
//
//   - An endpoint that cannot be connected to has got nothing of a request. So the
//     request goes to the others at once. The one that can be connected to is used from
//     then on.
//   - After failureStreak requests in a row without an answer, or with a 5xx, the next
//     endpoint is used. Those requests have failed and may have been carried out: only
//     their callers may send them again.
//   - While another one is in use, every probeEvery one request goes to the first;
//     if it answers, that one is used again.
type endpoints struct {
	list  []endpoint
	log   *slog.Logger // nil = silent
	began time.Time    // the times below are since then, on the monotonic clock

	current  atomic.Int32 // index of the one in use
	streak   atomic.Int32 // its failures since it last answered
	probeAt  atomic.Int64 // when the first is tried again
	loggedAt atomic.Int64 // when a switch was last logged; 0 = never
	switches atomic.Int32 // since then
}

// parseEndpoints reads a comma-separated list. All problems are reported at once.
func parseEndpoints(raw string) ([]endpoint, error) {
	var list []endpoint
	var problems []error
	for item := range strings.SplitSeq(raw, ",") {
		ep, err := parseEndpoint(item)
		if err != nil {
			problems = append(problems, err)
		}
		list = append(list, ep)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return list, checkList(list)
}

func checkList(list []endpoint) error {
	if len(list) > maxEndpoints {
		return fmt.Errorf("more than %d endpoints", maxEndpoints)
	}
	seen := make(map[string]bool)
	for _, ep := range list {
		if seen[ep.host] {
			return fmt.Errorf("endpoint %s is listed twice", ep.host)
		}
		seen[ep.host] = true
	}
	return nil
}

// pick is the endpoint for a request, by its index; probe says that it is the
// first one, tried again.
func (e *endpoints) pick() (index int, probe bool) {
	index = int(e.current.Load())
	if index == 0 {
		return 0, false
	}
	now, at := e.now(), e.probeAt.Load()
	if now < at || !e.probeAt.CompareAndSwap(at, now+probePause()) {
		return index, false
	}
	return 0, true
}

func (e *endpoints) now() int64 { return int64(time.Since(e.began)) }

func probePause() int64 {
	return int64(probeEvery*3/4 + rand.N(probeEvery/2)) //nolint:gosec // jitter is no secret
}

// use makes the endpoint the one in use, if it is not yet.
func (e *endpoints) use(index int, why string) {
	old := e.current.Load()
	if int(old) == index || !e.current.CompareAndSwap(old, int32(index)) {
		return // another request has just switched
	}
	e.streak.Store(0)
	if index != 0 {
		e.probeAt.Store(e.now() + probePause())
	}
	e.report(e.list[old], e.list[index], why)
}

// report logs a switch, at most one per logEvery: when no endpoint works, they never end.
func (e *endpoints) report(from, to endpoint, why string) {
	n := e.switches.Add(1)
	now, last := e.now(), e.loggedAt.Load()
	if e.log == nil || last != 0 && now-last < int64(logEvery) || !e.loggedAt.CompareAndSwap(last, max(now, 1)) {
		return
	}
	e.switches.Add(-n)
	e.log.Warn("endpoint switched", "from", from.url(), "to", to.url(), "why", why, "switches", n)
}

// note draws the conclusions from how a request to the endpoint ended.
func (e *endpoints) note(index int, probe bool, failure *Error) {
	if len(e.list) < 2 {
		return
	}
	inUse := int(e.current.Load()) == index
	switch outcomeOf(failure) {
	case outcomeAnswered:
		if probe {
			e.use(0, "the first endpoint answers again")
		} else if inUse && e.streak.Load() != 0 {
			e.streak.Store(0)
		}
	case outcomeFailed:
		// A failed probe says nothing about the endpoint in use.
		if inUse && e.streak.Add(1) >= failureStreak {
			e.use((index+1)%len(e.list), fmt.Sprintf("%d failures in a row, the last: %s", failureStreak, failure.cause()))
		}
	case outcomeUnknown:
	}
}

// outcome is what a request says about its endpoint.
type outcome int

const (
	outcomeUnknown  outcome = iota // ended before there was anything to learn
	outcomeAnswered                // it works, whatever it answered
	outcomeFailed                  // no answer, or a 5xx
)

func outcomeOf(failure *Error) outcome {
	switch {
	case failure == nil, failure.Status != 0 && failure.Status < http.StatusInternalServerError:
		return outcomeAnswered
	case failure.Status != 0, failure.unreachable:
		return outcomeFailed
	case errors.Is(failure.Err, context.Canceled), errors.Is(failure.Err, context.DeadlineExceeded):
		return outcomeUnknown // the caller's own time was up
	case failure.Class != ClassRetry:
		return outcomeUnknown // never got as far as the network
	}
	return outcomeFailed
}
