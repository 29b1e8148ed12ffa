package producer

import (
	"log/slog"
	"time"

	"fluent-bit-sls/out_sls/internal/route"
	"fluent-bit-sls/shared/sls"
)

// A template can name a logstore or project that SLS does not have. Nobody may ever make
// it, and a chunk that is tried for ever keeps one of the engine's tasks, of which there
// are 2048. So after absentTries answers that say so the records go to the static
// defaults, as do those that name what allow_destinations does not have, and so do those
// that come later. Every absentFor one request asks again. What the operator has typed
// is waited for.
const (
	absentTries = 3
	absentFor   = time.Minute
)

// isAbsent tells whether SLS says that a logstore or project is not there.
func isAbsent(err error) bool {
	return sls.IsCode(err, "LogStoreNotExist") || sls.IsCode(err, "ProjectNotExist")
}

// chosen tells whether a template has chosen d, whose records then have another way.
func (p *Producer) chosen(d route.Destination) bool {
	_, chosen := p.router.Home(d)
	return chosen
}

// strays tells whether r has gone to a destination that a template has chosen and SLS
// does not have.
func (p *Producer) strays(r *request, err error) bool {
	return r.queue.lane.chosen && isAbsent(err)
}

// elsewhereLocked tells whether s should not even be sent where a template has it go. It
// lets one through when it is time to ask again.
func (p *Producer) elsewhereLocked(s *segment) bool {
	l := p.schedule.lanes[laneID{s.dest.Project, s.dest.Logstore}]
	if l == nil || l.absent.IsZero() {
		return false
	}
	if time.Since(l.absent) < absentFor {
		return true
	}
	l.absent = time.Now()
	return false
}

// believes takes note that the destination of r is not there, unless r is to ask again.
func (p *Producer) believes(r *request, attempt int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := r.queue.lane
	if l.absent.IsZero() && attempt+1 < absentTries {
		return false
	}
	l.absent = time.Now()
	p.schedule.placeLane(l)
	return true
}

// redirect sends what r carries, and what waits behind it, to the static defaults.
func (p *Producer) redirect(r *request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := r.queue.lane
	segments := r.segments
	for _, q := range l.queues {
		segments = append(segments, p.schedule.abandon(q, everything)...)
	}
	for _, s := range segments {
		s.outcome.wake = nil
		p.sendHomeLocked(s)
	}
}

// sendHomeLocked queues s for the static defaults. Its number stays, and so does what is
// remembered of it.
func (p *Producer) sendHomeLocked(s *segment) {
	p.metrics.redirected.With(s.dest.Logstore).Add(uint64(s.logs))
	s.dest.Destination, _ = p.router.Home(s.dest.Destination)
	l := p.schedule.lane(s.dest)
	if len(s.outcome.waiters) == 0 || p.schedule.stopped || p.schedule.hopeless(l) || p.schedule.outage(l) != nil {
		p.failLocked(s)
		return
	}
	p.schedule.enqueue(s)
	p.startLocked()
}

func (p *Producer) reportAbsent(r *request, err error) {
	home, _ := p.router.Home(r.queue.dest.Destination)
	p.log.report(slog.LevelWarn, "absent destination", "a template names what SLS does not have, its records go to the default destination",
		"project", r.queue.dest.Project, "logstore", r.queue.dest.Logstore, "default", home.Project+"/"+home.Logstore, "error", err)
}
