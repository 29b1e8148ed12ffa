package shard

import (
	"context"
	"sync"
	"time"

	"fluent-bit-sls/in_sls/internal/handover"
	"fluent-bit-sls/shared/panics"
	"fluent-bit-sls/shared/sls"
)

const (
	// probeAge is how often SLS is asked about a shard that stays behind.
	probeAge = 15 * time.Second
	// probeTimeout bounds that, so that no two probes are under way.
	probeTimeout = 5 * time.Second
	// upToDateGrace is how much later than due the next answer may be before a shard
	// that had caught up counts as lagging.
	upToDateGrace = 2 * time.Second
)

// lagProbe finds out how far a shard is behind where the answers to its pulls do not show
// it. No header has the time when SLS received the data, and the time of a log is the
// writer's. But a pull that brings less than was asked for shows, at no cost, that
// everything is read that SLS had when the pull was sent. So GetCursorTime and the end are
// asked for only when a shard stays behind, or begins with data of unknown age. Those are
// two requests each probeAge, next to dozens of pulls a second. The reading does not wait.
type lagProbe struct {
	logs   sls.Logstore
	queue  *handover.Queue
	panics *panics.Guard

	known   time.Time // when the lag was known last
	running sync.WaitGroup
}

// after takes the answer to the pull at a cursor, and asks SLS if the lag is not known from
// that. found says whether the answer had log groups.
func (p *lagProbe) after(ctx context.Context, a handover.Answer, cursor string, found bool) {
	now := time.Now()
	switch known := !p.known.IsZero(); {
	case a.CaughtUp && (known || !found):
		p.known = now
		return
	case known && now.Sub(p.known) < probeAge:
		return
	}
	p.known = now
	p.panics.Go(&p.running, "the look for the lag", func() { p.ask(ctx, cursor) })
}

// ask asks when SLS received the data at a cursor, and where the shard ends. A failure is
// not logged: the lag shown grows until the next probe.
func (p *lagProbe) ask(ctx context.Context, cursor string) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	received, err := p.logs.GetCursorTime(ctx, p.queue.Shard, cursor)
	if err != nil {
		return
	}
	end, err := p.logs.GetCursor(ctx, p.queue.Shard, "end")
	if err != nil {
		end = ""
	}
	p.queue.Probed(number(cursor), received, number(end))
}

// wait waits for a probe under way.
func (p *lagProbe) wait() { p.running.Wait() }
