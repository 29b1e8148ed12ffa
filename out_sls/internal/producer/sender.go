package producer

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"fluent-bit-sls/shared/sls"
)

// request is what one call to SLS carries: whole segments of one destination,
// or, after SLS refused them together, parts of them.
type request struct {
	queue    *queue
	segments []*segment // nil: it carries parts of them
	pieces   []piece
	began    time.Time
	pack     string        // with pack_id: the number of its log group, once it has one
	wake     chan struct{} // something left that may have been the last waiter
}

// piece is a run of logs of one segment.
type piece struct {
	span
	of        *delivery
	body      []byte // encoded Log messages
	rewritten bool   // with another time, because SLS did not take its own
}

// delivery gathers what becomes of the pieces of one segment. One goroutine owns
// it: the pieces of a segment never leave the request that took it.
type delivery struct {
	segment *segment
	open    int // pieces without an answer
	lost    []lostLog
	missing []span // pieces that failed, in order
}

// startLocked starts the requests that may begin now.
func (p *Producer) startLocked() {
	for r := p.schedule.next(); r != nil; r = p.schedule.next() {
		p.numberLocked(r)
		for _, s := range r.segments {
			s.outcome.wake = r.wake
			r.pieces = append(r.pieces, s.pieces()...)
		}
		p.panics.Go(&p.wg, "a request", func() { p.run(r) })
	}
}

// run is one request's goroutine.
func (p *Producer) run(r *request) {
	p.deliverContained(r)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.schedule.done(r)
	p.startLocked()
}

// release starts what q has held back, if it was long enough.
func (p *Producer) release(q *queue) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.schedule.release(q)
	p.startLocked()
}

// numberLocked numbers the log group of r. Those of a tag have to be numbered in the
// order of its records, which requests, once they are under way, do not keep.
func (p *Producer) numberLocked(r *request) {
	if prefix := r.queue.dest.pack; prefix != "" {
		r.pack = p.packs.id(prefix)
	}
}

// deliverPart sends a piece of r in a log group of its own.
func (p *Producer) deliverPart(r *request, pc piece) {
	part := &request{queue: r.queue, pieces: []piece{pc}, wake: r.wake}
	p.mu.Lock()
	p.numberLocked(part)
	p.mu.Unlock()
	p.deliver(part)
}

// deliverContained is deliver for a goroutine of our own, where a panic would end the
// whole agent: it fails what r has not settled. As after an answer that is not clear,
// some of that may be in SLS.
func (p *Producer) deliverContained(r *request) {
	pieces := r.pieces // those of r may become others
	if p.panics.Catch("a request, which fails", func() { p.deliver(r) }, "project", r.queue.dest.Project, "logstore", r.queue.dest.Logstore) == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pc := range pieces {
		if s := pc.of.segment; s.outcome.state == statePending {
			p.failLocked(s)
		}
	}
}

// deliver sends r until every piece has its answer.
func (p *Producer) deliver(r *request) {
	body := p.body(r)
	defer func() { p.buffers.Put(body.Data) }()
	for attempt := 0; ; attempt++ {
		if !p.takeTurn(r) {
			return
		}
		err := p.put(r, body)
		if err == nil {
			p.finish(r)
			return
		}
		class := sls.ClassOf(err)
		if class == sls.ClassSplit && isOldTime(err) && p.mendTimes(r, err) {
			if len(r.pieces) == 0 {
				return
			}
			refused := body.Data
			body, attempt = p.body(r), -1
			p.buffers.Put(refused) // not before: after a panic it would be put back twice
			continue
		}
		if class == sls.ClassSplit {
			p.split(r, err)
			return
		}
		if p.strays(r, err) && r.segments != nil {
			if p.believes(r, attempt) {
				p.reportAbsent(r, err)
				p.redirect(r)
				return
			}
		} else if p.report(r, err); !retryable(class) || p.down(r.queue.lane) {
			p.fail(r)
			return
		}
		if !p.pause(r, attempt, err) {
			return
		}
		p.metrics.retries.With(r.queue.dest.Logstore).Add(1)
	}
}

// retryable tells whether sending again soon makes sense. What only a change of
// the configuration can mend goes back to the engine at once, which paces it.
func retryable(class sls.Class) bool {
	return class == sls.ClassRetry || class == sls.ClassThrottle || class == sls.ClassClock
}

func (p *Producer) put(r *request, body sls.Body) error {
	dest := &r.queue.dest
	begin := time.Now()
	p.sent(r.queue.lane)
	var err error = &sls.Error{} // until there is an answer
	defer func() { p.learn(r.queue.lane, begin, err) }()
	p.metrics.sending(dest.Logstore)
	err = p.client.Logstore(dest.Project, dest.Logstore).PutLogs(p.ctx, body, dest.HashKey)
	p.metrics.answered(r, body, time.Since(begin), err)
	p.answered(dest.Project, dest.Logstore, err)
	return err
}

// The pause before a request is sent again doubles from the first to the longest, which
// a flush_timeout has room for. A request is sent again for as long as a flush waits for
// it, so flush_timeout and retry_limit say how often.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// pause waits before the next attempt: exponential, jittered, never shorter than
// SLS asked for. When it is false, r has failed, because nobody waits for it any
// more or the producer stops.
func (p *Producer) pause(r *request, attempt int, err error) bool {
	d := backoff(attempt)
	var e *sls.Error
	if errors.As(err, &e) {
		d = max(d, e.RetryAfter)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	for !p.failAbandoned(r) {
		select {
		case <-timer.C:
			return !p.failAbandoned(r)
		case <-p.drain:
			p.fail(r)
			return false
		case <-r.wake:
		}
	}
	return false
}

// failAbandoned fails r if no flush waits for anything it carries. Both under one
// lock: a flush that comes in between would join a request about to fail.
func (p *Producer) failAbandoned(r *request) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.ContainsFunc(r.pieces, func(pc piece) bool { return len(pc.of.segment.outcome.waiters) > 0 }) {
		return false
	}
	p.failPiecesLocked(r)
	return true
}

// backoff is between half and the whole of firstPause doubled attempt times, at most
// longestPause.
func backoff(attempt int) time.Duration {
	d := longestPause
	if firstPause < longestPause>>attempt {
		d = firstPause << attempt
	}
	return d/2 + rand.N(d/2+1) //nolint:gosec // jitter is no secret
}

// split isolates the record that SLS refuses: first the pieces of r apart, then
// halves of a piece. A record that is refused alone can never be stored.
func (p *Producer) split(r *request, err error) {
	if len(r.pieces) > 1 {
		for _, pc := range r.pieces {
			p.deliverPart(r, pc)
		}
		return
	}
	pc := r.pieces[0]
	if pc.logs > 1 {
		first, second := pc.halve()
		pc.of.open++
		p.deliverPart(r, first)
		p.deliverPart(r, second)
		return
	}
	p.refuse(r, pc, err, false)
	p.finish(r)
}

// refuse takes note that SLS will never take the one record of a piece; drop says
// that no dead letter is wanted of it.
func (p *Producer) refuse(r *request, pc piece, err error, drop bool) {
	msg := "SLS refuses a record for good, it goes to dead_letter_file"
	switch {
	case drop:
		msg = "SLS refuses a record for its age, it is dropped as old_log_time says"
	case p.letters == nil:
		msg = "SLS refuses a record for good, it is dropped: set dead_letter_file to keep such records"
	}
	if drop || p.letters == nil {
		p.metrics.dropped.With(r.queue.dest.Logstore, errorKey(err)).Add(1)
	}
	p.log.report(slog.LevelError, "refused", msg,
		"project", r.queue.dest.Project, "logstore", r.queue.dest.Logstore, "bytes", len(pc.body), "error", err)
	pc.of.lost = append(pc.of.lost, lostLog{index: pc.first, reason: errorKey(err), dropped: drop})
}

// halve cuts a piece of at least two logs at a log boundary.
func (pc piece) halve() (first, second piece) {
	half := pc.logs / 2
	n := logsSize(pc.body, half)
	first = piece{of: pc.of, body: pc.body[:n], span: span{pc.first, half}, rewritten: pc.rewritten}
	second = piece{of: pc.of, body: pc.body[n:], span: span{pc.first + half, pc.logs - half}, rewritten: pc.rewritten}
	return first, second
}

// fail settles r as not delivered.
func (p *Producer) fail(r *request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failPiecesLocked(r)
}

func (p *Producer) failPiecesLocked(r *request) {
	for _, pc := range r.pieces {
		pc.of.missing = append(pc.of.missing, pc.span)
	}
	p.finishLocked(r)
}

// finish settles the segments of which no piece is open after those of r.
func (p *Producer) finish(r *request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finishLocked(r)
}

func (p *Producer) finishLocked(r *request) {
	for _, pc := range r.pieces {
		d := pc.of
		if d.open--; d.open > 0 {
			continue
		}
		o := d.segment.outcome
		o.lost = append(o.lost[:len(o.lost):len(o.lost)], d.lost...)
		o.state, o.missing = stateDelivered, d.missing
		if d.missing != nil {
			o.state = stateFailed
		}
		p.settleLocked(d.segment)
	}
}

// report logs a failed request. What only the operator can mend is an error.
func (p *Producer) report(r *request, err error) {
	level := slog.LevelError
	switch sls.ClassOf(err) {
	case sls.ClassRetry, sls.ClassThrottle, sls.ClassClock:
		level = slog.LevelWarn
	default:
	}
	p.log.report(level, errorKey(err), "cannot write to SLS, it is tried again, by Fluent Bit as often as retry_limit allows",
		"project", r.queue.dest.Project, "logstore", r.queue.dest.Logstore, "error", err)
}
