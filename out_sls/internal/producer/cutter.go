package producer

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"

	"fluent-bit-sls/out_sls/internal/route"
	"fluent-bit-sls/shared/loggroup"
)

// cutter turns one chunk into segments. The same bytes under the same
// configuration always give the same segments in the same order: what is
// remembered of a chunk goes by segment number.
type cutter struct {
	producer *Producer
	tag      string
	pack     string     // the sequence of the tag, with pack_id
	open     []*segment // by slot of the session: one per destination it has open
	// full gets each segment that is complete, and owns it; false ends the cutting.
	full func(*segment) bool
	// unread gets what was passed over: values that are no events, and what
	// follows a corrupt byte. nil when nobody wants it.
	unread func(offset int, bytes []byte, reason string)
}

// cut encodes the events of the chunk. It reports whether full has taken every
// segment, and whether the chunk could be read to its end.
func (c *cutter) cut(chunk []byte) (taken, whole bool) {
	p := c.producer
	var r loggroup.Reader
	r.Reset(chunk, loggroup.EncodeOptions{TimeNs: p.cfg.TimeNs})
	session := p.router.Begin(c.tag)
	defer session.End()
	if p.cfg.PackID {
		c.pack = p.packs.prefix(c.tag)
	}
	// Events are encoded where the previous one went, and moved in the rare case
	// that this one goes elsewhere.
	cur := &segment{buf: p.buffers.get()}
	var last *route.Target
	skipped, end := 0, 0
	for {
		n := len(cur.buf)
		buf, err := r.Next(cur.buf)
		event := r.Event()
		if now, _ := r.Skipped(); now > skipped || err != nil {
			c.passOver(chunk, end, &event, now > skipped, err)
			skipped = now
		}
		if err != nil {
			whole = !c.unreadable(&r, err)
			break
		}
		end = event.Offset + event.Size
		if target := session.Route(&event); target == last {
			cur.buf = buf
		} else {
			to, ok := c.segment(target, cur, last == nil)
			if !ok {
				return c.discard(), false
			}
			if to != cur {
				to.buf = append(to.buf, buf[n:]...)
				buf = buf[:n]
			}
			cur.buf = buf
			cur, last = to, target
		}
		cur.add(&event, c.unread != nil)
		if len(cur.buf) < int(p.cfg.BatchBytes) && cur.logs < p.cfg.BatchCount {
			continue
		}
		full := cur
		cur = &segment{dest: full.dest, buf: p.buffers.get()}
		c.open[last.Slot] = cur
		if !c.full(full) {
			return c.discard(), false
		}
	}
	if last == nil {
		p.buffers.put(cur.buf)
	}
	for i, s := range c.open {
		if s.logs == 0 {
			p.buffers.put(s.buf)
		} else if !c.full(s) {
			c.open = c.open[i+1:]
			return c.discard(), whole
		}
	}
	return true, whole
}

// segment is the open segment of a target. The first of a chunk is the one that
// its first event was encoded into; the buffers of others grow with their need,
// or a chunk for a thousand destinations would take a thousand large ones. When
// the session has closed a destination for this one, its segment is full.
func (c *cutter) segment(t *route.Target, first *segment, isFirst bool) (*segment, bool) {
	dest := address{t.Destination, c.pack}
	if isFirst {
		first.dest = dest
		c.open = append(c.open, first)
		return first, true
	}
	if t.Slot == len(c.open) {
		c.open = append(c.open, &segment{dest: dest})
		return c.open[t.Slot], true
	}
	s := c.open[t.Slot]
	if s.dest == dest {
		return s, true
	}
	c.open[t.Slot] = &segment{dest: dest}
	if s.logs == 0 {
		c.producer.buffers.put(s.buf)
		return c.open[t.Slot], true
	}
	return c.open[t.Slot], c.full(s)
}

// discard recycles the open segments.
func (c *cutter) discard() (taken bool) {
	for _, s := range c.open {
		c.producer.buffers.put(s.buf)
	}
	return false
}

// passOver tells unread what lies between end, where the last event ended, and
// the event that follows, or the end of the chunk.
func (c *cutter) passOver(chunk []byte, end int, next *loggroup.Event, skipped bool, err error) {
	if c.unread == nil || end == len(chunk) {
		return
	}
	until, reason := len(chunk), reasonNotAnEvent
	switch {
	case err == nil:
		until = next.Offset
	case !errors.Is(err, io.EOF):
		reason = reasonCorrupt
	case !skipped:
		return // group markers only
	}
	c.unread(end, chunk[end:until], reason)
}

// segmentOverhead is about what a segment takes beside its bytes: a chunk can
// have one for each of its records.
const segmentOverhead = 1 << 10

// submit numbers a full segment and queues what an earlier flush of the same
// chunk, whose outcomes are known, has not seen to. It is false when ctx ends
// before the memory budget has room.
func (p *Producer) submit(ctx context.Context, f *flight, known []*outcome, s *segment) bool {
	s.outcome = &outcome{waiters: []*flight{f}}
	if n := len(f.outcomes); n < len(known) {
		if p.adopt(f, known[n]) {
			p.metrics.skipped.With(s.dest.Logstore).Add(1)
			p.buffers.put(s.buf)
			return true
		}
		s.outcome.lost, s.runs = known[n].lost, known[n].missing
	}
	if cap(s.buf) > 2*len(s.buf) {
		// A small segment in a large buffer would hold more than it is charged.
		large := s.buf
		s.buf = slices.Clone(large)
		p.buffers.put(large)
	}
	// A record larger than the whole budget goes alone rather than never.
	s.weight = min(max(int64(cap(s.buf)), segmentOverhead), int64(p.cfg.MemoryLimit))
	if p.budget.Acquire(ctx, s.weight) != nil {
		p.buffers.put(s.buf)
		return false
	}
	p.used.Add(s.weight)
	p.enqueue(f, s)
	return true
}

// giveUp fails a flight whose chunk is not cut to its end. What is known of the
// segments not reached stays known.
func (p *Producer) giveUp(f *flight, known []*outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f.failed = true
	if n := len(f.outcomes); n < len(known) {
		f.outcomes = append(f.outcomes, known[n:]...)
	}
}

// unreadable counts and logs what of a chunk could not be read. It reports
// whether there was any.
func (c *cutter) unreadable(r *loggroup.Reader, err error) bool {
	var bad *loggroup.CorruptError
	corrupt := errors.As(err, &bad)
	skipped, first := r.Skipped()
	if c.unread != nil {
		return corrupt || skipped > 0 // counted and logged when it was first cut
	}
	p := c.producer
	if corrupt {
		p.metrics.corrupt.Add(1)
		p.log.report(slog.LevelError, "corrupt", "chunk cannot be read to its end", "tag", c.tag, "error", bad)
	}
	if skipped > 0 {
		if p.letters == nil {
			p.metrics.dropped.With("", reasonNotAnEvent).Add(uint64(skipped))
		}
		p.log.report(slog.LevelError, "skipped", "chunk holds values that are no events",
			"tag", c.tag, "values", skipped, "first_at_byte", first.Offset, "reason", first.Reason)
	}
	return corrupt || skipped > 0
}
