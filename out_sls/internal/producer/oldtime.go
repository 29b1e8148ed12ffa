package producer

import (
	"errors"
	"iter"
	"strings"
	"time"

	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/sls"
)

// What happens to a log that SLS refuses for its age.
const (
	oldTimeRewrite    = "rewrite"
	oldTimeDeadLetter = "dead_letter"
	oldTimeDrop       = "drop"
)

// SLS takes logs of the last seven days, and up to 15 minutes ahead (answer 499
// "post data time is out of range" of PutLogs).
const (
	oldestTime = 7 * 24 * time.Hour
	newestTime = 15 * time.Minute
)

// origTimeKey is the content that keeps the time of a log sent with another.
const origTimeKey = "__orig_time__"

// isOldTime tells whether SLS refused a request for the time of its logs.
func isOldTime(err error) bool {
	var e *sls.Error
	return errors.As(err, &e) && (e.Status == 499 || strings.EqualFold(e.Code, "InvalidTimestamp") ||
		strings.Contains(strings.ToLower(e.Message), "time is out of range"))
}

// mendTimes deals with the logs of r whose time SLS does not take, as
// old_log_time says. It is false when r has none that was not dealt with before.
func (p *Producer) mendTimes(r *request, err error) bool {
	now := time.Now().Add(p.client.ClockOffset())
	oldest, newest := now.Add(time.Minute-oldestTime).Unix(), now.Add(newestTime-time.Minute).Unix()
	// A log alone is what SLS meant, whatever the time is here.
	alone := len(r.pieces) == 1 && r.pieces[0].logs == 1
	var left []piece
	mended := false
	for _, pc := range r.pieces {
		for i, log := range pc.each() {
			t := int64(loggroup.LogTime(log))
			one := piece{of: pc.of, body: log, span: span{pc.first + i, 1}, rewritten: pc.rewritten}
			switch {
			case pc.rewritten || !alone && t >= oldest && t <= newest:
				left = join(left, one)
				continue
			case p.cfg.OldLogTime == oldTimeRewrite:
				one.body, one.rewritten = loggroup.WithTime(log, now, origTimeKey), true
				left = append(left, one)
				p.metrics.rewritten.With(r.queue.dest.Logstore).Add(1)
			default:
				p.refuse(r, one, err, p.cfg.OldLogTime == oldTimeDrop)
			}
			mended = true
		}
	}
	if mended {
		p.replace(r, left)
	}
	return mended
}

// each walks the logs of a piece.
func (pc piece) each() iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		at := 0
		for i := range pc.logs {
			size := logsSize(pc.body[at:], 1)
			if !yield(i, pc.body[at:at+size]) {
				return
			}
			at += size
		}
	}
}

// join appends a piece of one log, to the last piece if it follows on it.
func join(pieces []piece, one piece) []piece {
	if n := len(pieces); n > 0 {
		last := &pieces[n-1]
		if last.of == one.of && !last.rewritten && !one.rewritten && last.first+last.logs == one.first {
			last.logs++
			last.body = last.body[:len(last.body)+len(one.body)]
			return pieces
		}
	}
	return append(pieces, one)
}

// replace gives r other pieces, which together stand for what is left of its
// own: the deliveries are told how many of theirs are open.
func (p *Producer) replace(r *request, pieces []piece) {
	for _, pc := range pieces {
		pc.of.open++
	}
	gone := request{queue: r.queue, pieces: r.pieces}
	r.pieces, r.segments = pieces, nil
	p.finish(&gone)
}
