package producer

import (
	"container/list"
	"time"
)

// worthARequest is how much must wait, in bytes, for a request to start while
// another one to the same destination is in flight. Below it the waiting
// segments gather, as small packets do under Nagle's algorithm: a node with a
// hundred small chunks a second does not send a hundred requests.
const worthARequest = 256 << 10

// gatherFor is how long a request makes others wait at most: one that hangs must not hold
// up what comes after it.
const gatherFor = time.Second

// queue holds the segments of one destination that no request has taken yet.
// Producer.mu guards it. It exists only while it holds or sends something.
type queue struct {
	dest     address
	lane     *lane
	waiting  []*segment
	bytes    int
	logs     int
	inFlight int
	latest   *request      // the last one to begin, while it is in flight
	timer    *time.Timer   // runs while what waits is held back; nil = it never was
	place    *list.Element // in the line of its lane; nil = no request may begin
}

func (q *queue) add(s *segment) {
	q.waiting = append(q.waiting, s)
	q.bytes += len(s.buf)
	q.logs += s.logs
}

// take removes the segments of one request: in order, at least one, and together within
// the limits of a batch.
func (q *queue) take(maxBytes, maxLogs int) []*segment {
	n, bytes, logs := 0, 0, 0
	for _, s := range q.waiting {
		if n > 0 && (bytes+len(s.buf) > maxBytes || logs+s.logs > maxLogs) {
			break
		}
		n++
		bytes += len(s.buf)
		logs += s.logs
	}
	taken := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	q.bytes -= bytes
	q.logs -= logs
	return taken
}

// drop removes the segments for which which is true.
func (q *queue) drop(which func(*segment) bool) (dropped []*segment) {
	kept := q.waiting[:0:0]
	for _, s := range q.waiting {
		if !which(s) {
			kept = append(kept, s)
			continue
		}
		q.bytes -= len(s.buf)
		q.logs -= s.logs
		dropped = append(dropped, s)
	}
	q.waiting = kept
	return dropped
}

func abandoned(s *segment) bool { return len(s.outcome.waiters) == 0 }
func everything(*segment) bool  { return true }
