package schedule

import (
	"container/list"
	"time"

	"fluent-bit-sls/out_sls/internal/segment"
)

// worthARequest is how much must wait, in bytes, for a request to start while another one
// to the same destination is in flight. Below it the waiting segments gather, as small
// packets do under Nagle's algorithm: a node with a hundred small chunks a second does not
// send a hundred requests.
const worthARequest = 256 << 10

// gatherFor is how long a request makes others wait at most: one that hangs must not hold
// up what comes after it.
const gatherFor = time.Second

// queue holds the segments of one destination that no request has taken yet. It exists
// only while it has something waiting or in flight. Scheduler.mu guards it, but for to and
// logstore, which never change.
type queue struct {
	scheduler     *Scheduler
	to            segment.Address
	logstore      *logstore
	waiting       []*segment.Segment
	bytes         int // waiting
	logs          int // waiting
	inFlight      int
	latest        *Request      // the last one to begin for q alone, while it is in flight
	alarm         alarm         // runs while what waits waits for more
	inReady       *list.Element // in logstore.ready; nil = no request may begin
	inBatch       *list.Element // in nextBatch.queues; nil = a request for q alone is due
	batchBytes    int           // that the batch has counted
	batchSegments int           // that the batch has counted
	apart         bool          // SLS has refused a batch with what waits
	trial         *trial        // of that batch; nil = none
}

func (q *queue) add(s *segment.Segment) {
	q.waiting = append(q.waiting, s)
	q.bytes += len(s.Logs)
	q.logs += s.Count
}

// addFirst puts segments, of which SLS has refused a batch, before all that waits.
func (q *queue) addFirst(segments []*segment.Segment) {
	q.waiting = append(segments, q.waiting...)
	wanted := true
	for _, s := range segments {
		q.bytes += len(s.Logs)
		q.logs += s.Count
		wanted = s.Outcome.Hold(q) && wanted
	}
	if !wanted {
		q.giveUp()
	}
}

// take removes the segments of one request: in order, at least one, and together within
// the limits of a batch. With alone it is one.
func (q *queue) take(maxBytes, maxLogs int, alone bool) []*segment.Segment {
	n, bytes, logs := 0, 0, 0
	for _, s := range q.waiting {
		if n > 0 && (alone || bytes+len(s.Logs) > maxBytes || logs+s.Count > maxLogs) {
			break
		}
		n++
		bytes += len(s.Logs)
		logs += s.Count
	}
	taken := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	q.bytes -= bytes
	q.logs -= logs
	return taken
}

// drain removes all segments.
func (q *queue) drain() []*segment.Segment {
	all := q.waiting
	q.waiting, q.bytes, q.logs = nil, 0, 0
	return all
}

// giveUp settles what nobody waits for any more.
func (q *queue) giveUp() {
	kept := q.waiting[:0:0]
	for _, s := range q.waiting {
		size := len(s.Logs)
		if !segment.GiveUp(nil, s) {
			kept = append(kept, s)
			continue
		}
		q.bytes -= size
		q.logs -= s.Count
	}
	q.waiting = kept
}

// Abandoned gives up what nobody waits for any more.
func (q *queue) Abandoned() {
	q.scheduler.mu.Lock()
	defer q.scheduler.mu.Unlock()
	q.giveUp()
	q.scheduler.place(q)
}

func (q *queue) store() *logstore { return q.logstore }

func (q *queue) place() { q.scheduler.place(q) }

// gathering is how much longer so many bytes wait for more while a request, which may be
// nil, is in flight.
func gathering(latest *Request, bytes int) time.Duration {
	if latest == nil || bytes >= worthARequest {
		return 0
	}
	return gatherFor - time.Since(latest.began)
}

// alarm wakes what waits for a time. The zero value is ready. Scheduler.mu guards it.
type alarm struct{ timer *time.Timer } // nil = it has never been set

// set wakes a line after a delay, or not at all.
func (a *alarm) set(s *Scheduler, delay time.Duration, of interface{ place() }) {
	switch {
	case delay <= 0 && a.timer == nil:
	case delay <= 0:
		a.timer.Stop() // or it keeps the scheduler for as long as linger
	case a.timer == nil:
		a.timer = s.panics.AfterFunc(delay, "a queue's timer", func() { s.release(of) })
	default:
		a.timer.Reset(delay)
	}
}
