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
	scheduler *Scheduler
	to        segment.Address
	logstore  *logstore
	waiting   []*segment.Segment
	bytes     int // waiting
	logs      int // waiting
	inFlight  int
	latest    *Request      // the last one to begin, while it is in flight
	timer     *time.Timer   // runs while what waits waits for more; nil = it never did
	inReady   *list.Element // in logstore.ready; nil = no request may begin
}

func (q *queue) add(s *segment.Segment) {
	q.waiting = append(q.waiting, s)
	q.bytes += len(s.Logs)
	q.logs += s.Count
}

// take removes the segments of one request: in order, at least one, and together within
// the limits of a batch.
func (q *queue) take(maxBytes, maxLogs int) []*segment.Segment {
	n, bytes, logs := 0, 0, 0
	for _, s := range q.waiting {
		if n > 0 && (bytes+len(s.Logs) > maxBytes || logs+s.Count > maxLogs) {
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
		if !segment.GiveUp(s) {
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
