package delivery

import (
	"errors"
	"time"

	"fluent-bit-sls/out_sls/internal/journal"
	"fluent-bit-sls/out_sls/internal/memory"
	"fluent-bit-sls/out_sls/internal/report"
	"fluent-bit-sls/out_sls/internal/schedule"
	"fluent-bit-sls/out_sls/internal/segment"
	"fluent-bit-sls/out_sls/internal/sequence"
	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/sls"
)

// NumberBy makes d send each segment under sequence numbers of t, by itself. Call it before
// the first request.
func (d *Delivery) NumberBy(t *sequence.Table) { d.numbers = t }

// run is a run of logs of one segment that goes out under one number. Its part has the
// logs as they were cut.
type run struct {
	part
	rewrite journal.Rewrite
	number  *sequence.Number // nil = it has none yet
}

// errNoNumber says that a number could not be put on file.
var errNoNumber = errors.New("no sequence number")

// once sends the one segment of r, run after run: each answer is on file before the next
// run goes out. When one ends without a clear answer, the rest fails unsent. For under the
// slot's key there must be no number above an open one.
func (d *Delivery) once(r *schedule.Request) {
	from := r.Groups[0]
	s := from.Segments[0]
	if s.Settled() {
		return
	}
	chunk, number := s.Outcome.Chunk()
	turn, err := d.numbers.Begin(sequence.Place{Project: r.Project, Logstore: r.Logstore, HashKey: from.To.HashKey}, chunk, number)
	if err != nil {
		d.reportUnnumbered(r, err)
		s.Settle()
		return
	}
	defer turn.End()
	if home := r.Home(); turn.Away(sequence.Place{Project: home.Project, Logstore: home.Logstore}) {
		turn.End()
		r.Return()
		return
	}
	left := runsOf(s, turn.Parked())
	for len(left) > 0 {
		m := &message{request: r, groups: []*logGroup{{to: from.To}}, whole: true, run: left[0], turn: turn}
		more, err := d.sendRun(m)
		switch {
		case err == nil:
			left = append(more, left[1:]...)
		case errors.Is(err, schedule.ErrAbandoned), errors.Is(err, errElsewhere):
			return // the segment is settled, or another request's
		default: // what is missing is sent when the chunk comes back
			turn.End() // before a flush can find that the segment has failed
			for _, u := range left {
				u.answered()
			}
			return
		}
	}
}

// runsOf are the runs of s that are missing, in order. What has gone out under a number
// that is open goes out under it, as it was.
func runsOf(s *segment.Segment, open []*sequence.Number) (runs []*run) {
	var ranges []memory.Range
	var numbers []*sequence.Number
	for _, missing := range s.Outcome.Missing() {
		next, end := missing.First, missing.First+missing.Count
		for len(open) > 0 && open[0].Span.First < end {
			n := open[0]
			open = open[1:]
			if n.Span.First < next || n.Span.First+n.Span.Logs > end {
				n.Drop() // some of it has arrived by other ways
				continue
			}
			if n.Span.First > next {
				ranges, numbers = append(ranges, memory.Range{First: next, Count: n.Span.First - next}), append(numbers, nil)
			}
			ranges, numbers = append(ranges, memory.Range{First: n.Span.First, Count: n.Span.Logs}), append(numbers, n)
			next = n.Span.First + n.Span.Logs
		}
		if next < end {
			ranges, numbers = append(ranges, memory.Range{First: next, Count: end - next}), append(numbers, nil)
		}
	}
	for _, n := range open {
		n.Drop()
	}
	for i, p := range cut(s, ranges) {
		u := &run{part: p, number: numbers[i]}
		if u.number != nil {
			u.rewrite = u.number.Rewrite
		}
		runs = append(runs, u)
	}
	return runs
}

// sendRun sends a run until it is stored, or refused for good. more are runs in its place.
func (d *Delivery) sendRun(m *message) (more []*run, err error) {
	err = d.attempts(m)
	switch {
	case err == nil:
		d.accepted(m)
		return nil, nil
	case sls.ClassOf(err) == sls.ClassSplit:
		return d.takeApart(m, err), nil
	}
	return nil, err
}

// maxRefusals is how often the content of a write may be refused while an earlier try is
// in doubt.
const maxRefusals = 3

// inDoubt tells whether m is a run of which an earlier try may have been stored: then a
// refusal of its content says nothing about that one, and m is sent again as it is. But
// content that is refused again and again was refused the first time, too: were the number
// kept for ever, a record that SLS never takes would keep its segment from arriving.
func (m *message) inDoubt() bool {
	return m.run != nil && !m.run.number.IsOver() && m.run.number.Refusals() < maxRefusals
}

// mendRun gives the logs of a run in doubt other times: it stays the same logs, whichever
// try is stored. One whose number is over is taken apart.
func (d *Delivery) mendRun(m *message) bool {
	u := m.run
	return !u.number.IsOver() && d.cfg.OldLogTime == OldTimeRewrite && d.rewriteTimes(m) && u.number.Rewritten(u.rewrite) == nil
}

// takeApart makes other runs of one that SLS refuses: without the times that it does not
// take, or halves. A record that is refused alone can never be stored.
func (d *Delivery) takeApart(m *message, err error) (runs []*run) {
	u := m.run
	if !u.number.IsOver() {
		u.number.Drop()
	}
	u.number = nil
	switch {
	case isOldTime(err) && d.cfg.OldLogTime == OldTimeRewrite && d.rewriteTimes(m):
		return []*run{u}
	case isOldTime(err) && d.cfg.OldLogTime != OldTimeRewrite:
		m.groups[0].parts = []part{u.part}
		if left, mended := d.mendGroup(m.groups[0], u.Count == 1, err); mended {
			for _, p := range left {
				runs = append(runs, &run{part: p})
			}
			return runs
		}
	}
	if u.Count == 1 {
		d.refuse(&m.groups[0].to, u.part, err, false)
		u.answered()
		return nil
	}
	first, second := u.halve()
	u.of.open++
	return []*run{{part: first, rewrite: u.rewrite}, {part: second, rewrite: u.rewrite}}
}

// rewriteTimes gives the logs of a run the current time whose own SLS does not take. It is
// false when that was done before.
func (d *Delivery) rewriteTimes(m *message) bool {
	u := m.run
	alone := u.Count == 1 // then it is what SLS meant, whatever the time is here
	if u.rewrite.All || u.rewrite.At != 0 && !alone {
		return false
	}
	at := journal.Rewrite{At: time.Now().Add(d.client.ClockOffset()).UnixNano(), All: alone}
	if u.rewritten(at) == 0 {
		return false
	}
	u.rewrite = at
	return true
}

// rewritten is how many logs of a run a rewrite gives another time.
func (u *run) rewritten(r journal.Rewrite) (n int) {
	takes := takenAt(time.Unix(0, r.At))
	for _, log := range loggroup.EachLog(u.body) {
		if r.All || r.At != 0 && !takes(log) {
			n++
		}
	}
	return n
}

// fill makes the log group of m that of its run.
func (m *message) fill() {
	p := m.run.part
	if at := time.Unix(0, m.run.rewrite.At); m.run.rewrite.At != 0 {
		takes := takenAt(at)
		p.body, p.rewritten = make([]byte, 0, len(p.body)+len(p.body)/8), true
		for _, log := range loggroup.EachLog(m.run.body) {
			if m.run.rewrite.All || !takes(log) {
				log = loggroup.WithTime(log, at, origTimeKey)
			}
			p.body = append(p.body, log...)
		}
	}
	g := m.groups[0]
	g.parts, g.packID = []part{p}, m.request.NextPackID(&g.to)
}

// errForeign says that SLS has had a number that was never sent.
var errForeign = errors.New("the hash key is another's")

// number gives a run a number that is on file, before anything is sent.
func (d *Delivery) number(m *message) error {
	u := m.run
	if u.number != nil && !u.number.IsOver() {
		return nil
	}
	var err error
	if u.number, err = m.turn.Next(journal.Span{First: u.First, Logs: u.Count}, u.rewrite); err != nil {
		u.number = nil
		d.reportUnnumbered(m.request, err)
		return errNoNumber
	}
	return nil
}

// judge decides what the answer to a numbered write means: nil says that it is stored.
func (d *Delivery) judge(m *message, err error) error {
	to := m.request
	switch proof := proofOf(err); m.run.number.Answered(proof) {
	case sequence.Delivered:
		if err != nil {
			d.metrics.Avoided.With(to.Logstore, report.AvoidedBySequence).Add(uint64(m.logs()))
			d.metrics.Records.With(to.Logstore).Add(uint64(m.logs()))
		}
		return nil
	case sequence.Over:
		if proof == sequence.Had {
			d.log.Warn("foreign number", "SLS has had a sequence number that was not sent, the logs go out under another hash key",
				"project", to.Project, "logstore", to.Logstore, "error", err)
			return errors.Join(errForeign, err)
		}
	case sequence.Open:
	}
	return err
}

// proofOf is what an answer proves. A refusal is clear if SLS itself says why: what a
// gateway says, and any 5xx, can come after the write was stored.
func proofOf(err error) sequence.Proof {
	var e *sls.Error
	switch {
	case err == nil:
		return sequence.Accepted
	case !errors.As(err, &e):
		return sequence.Unclear
	case sls.IsCode(err, "InvalidSequenceId"):
		return sequence.Had
	case e.Status == 0 && !e.Ambiguous:
		return sequence.Unsent
	case e.Status >= 400 && e.Status < 500 && e.Status != 408 && e.Code != "":
		return sequence.Refused
	}
	return sequence.Unclear
}

func (d *Delivery) reportUnnumbered(r *schedule.Request, err error) {
	d.log.Error("exactly_once", "no sequence number can be put on file, so nothing is sent, and chunks are handed back",
		"project", r.Project, "logstore", r.Logstore, "error", err)
}
