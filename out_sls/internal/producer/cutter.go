package producer

import (
	"bytes"
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
	restored []*segment // of records that said themselves where they go
	// full gets each segment that is complete, and owns it; false ends the cutting.
	full func(*segment) bool
	// unread gets what was passed over: values that are no events, and what
	// follows a corrupt byte. nil when nobody wants it, nor the places of events.
	unread func(offset int, bytes []byte, reason string)
	end    int // behind the last event; with unread only

	// For the metrics, which count a chunk with its last answer: it is cut each time it
	// comes back.
	skipped  int // values that are no events
	noLogKey int
	corrupt  bool
}

// cut encodes the events of the chunk. It reports whether full has taken every
// segment, and whether the chunk could be read to its end.
func (c *cutter) cut(chunk []byte) (taken, whole bool) {
	p := c.producer
	opts := p.encode
	opts.Tag = c.tag
	var r loggroup.Reader
	r.Reset(chunk, opts)
	session := p.router.Begin(c.tag)
	defer c.endSession(session)
	if p.cfg.PackID {
		p.mu.Lock()
		c.pack = p.packs.prefix(c.tag)
		p.mu.Unlock()
	}
	// Events are encoded where the previous one went, and moved in the rare case
	// that this one goes elsewhere.
	start := &segment{buf: p.scratch.get()}
	cur := start
	var last *route.Target // of cur, nil when the record itself said where it goes
	for {
		n := len(cur.buf)
		buf, err := r.Next(cur.buf)
		if c.unread != nil {
			c.passOver(chunk, &r, err)
		}
		if err != nil {
			whole = !c.unreadable(&r, err)
			break
		}
		target := session.Route(r.Record())
		from := r.Restored()
		if target == last && !from.Any() {
			cur.buf = buf
		} else {
			to, ok := c.segment(target, from, cur)
			if !ok {
				return c.discard(start), false
			}
			cur.moveLast(to, buf, n)
			cur, last = to, target
			if from.Any() {
				last = nil
			}
		}
		cur.logs++
		if c.unread != nil {
			event := r.Event()
			cur.places = append(cur.places, place{event.Offset, event.Size})
		}
		if len(cur.buf) < int(p.cfg.BatchBytes) && cur.logs < p.cfg.BatchCount {
			continue
		}
		full := cur
		if cur = c.renew(full); !c.full(full) {
			return c.discard(start), false
		}
	}
	p.scratch.put(start.buf)
	start.buf = nil
	return c.finish(start), whole
}

// endSession logs what allow_destinations and max_log_groups have turned away, when it is
// cut to be sent.
func (c *cutter) endSession(s *route.Session) {
	refused, first := s.Refused()
	capped := s.Capped()
	s.End()
	if refused > 0 && c.unread == nil {
		c.producer.log.report(slog.LevelWarn, "refused destination",
			"records name destinations that allow_destinations does not have, they go to the default one",
			"tag", c.tag, "first", first, "records_since_start", c.producer.router.Stats().Refused)
	}
	if capped > 0 && c.unread == nil {
		c.producer.log.report(slog.LevelWarn, "capped",
			"the records of a chunk choose more topics, tags and the like than max_log_groups, the rest goes without",
			"tag", c.tag, "records", capped, "records_since_start", c.producer.router.Stats().Capped)
	}
}

// moveLast moves the event that was encoded behind the first n bytes of s to
// another segment. A segment that has nothing takes the buffer of one that has
// nothing else, so that the large one goes to the first destination of a chunk;
// the buffers of the others grow with their need, or a chunk for a thousand
// destinations would take a thousand large ones.
func (s *segment) moveLast(to *segment, buf []byte, n int) {
	switch {
	case to == s:
		s.buf = buf
	case n == 0 && s.logs == 0 && to.buf == nil:
		to.buf, s.buf = buf, nil
	default:
		to.buf = append(to.buf, buf[n:]...)
		s.buf = buf[:n]
	}
}

// segment is the open segment for a record. When the session has closed a
// destination to make room, the segment of that one is full. It is never cur, that of
// the last record, whose buffer still holds this one: that was used last.
func (c *cutter) segment(t *route.Target, from *loggroup.Restored, cur *segment) (*segment, bool) {
	if from.Any() {
		return c.restoredSegment(t, from, cur)
	}
	dest := address{t.Destination, c.pack}
	for t.Slot >= len(c.open) { // slots whose records went elsewhere are passed by
		c.open = append(c.open, &segment{dest: dest})
	}
	s := c.open[t.Slot]
	if s.dest == dest {
		return s, true
	}
	c.open[t.Slot] = &segment{dest: dest}
	if s.logs == 0 {
		c.producer.scratch.put(s.buf)
		return c.open[t.Slot], true
	}
	return c.open[t.Slot], c.full(s)
}

// restoredSegment is the open segment for a record that carries the topic, source
// and tags that it had in SLS: what it does not carry it did not have.
func (c *cutter) restoredSegment(t *route.Target, from *loggroup.Restored, cur *segment) (*segment, bool) {
	for _, s := range slices.Backward(c.restored) {
		if d := &s.dest; d.Topic == string(from.Topic) && d.Source == string(from.Source) && d.Tags == string(from.Tags) &&
			d.HashKey == t.HashKey && d.Logstore == t.Logstore && d.Project == t.Project {
			return s, true
		}
	}
	if len(c.restored) >= maxRestored {
		full := c.restored
		c.restored = nil
		for i, s := range full {
			switch {
			case s == cur:
				c.restored = append(c.restored, s)
			case s.logs > 0 && !c.full(s):
				c.restored = append(c.restored, full[i+1:]...)
				return nil, false
			}
		}
	}
	dest := address{t.Destination, c.pack}
	if bytes.Contains(from.Tags, []byte(packKey)) {
		dest.pack = "" // it has the number that it had
	}
	dest.Topic, dest.Source, dest.Tags = string(from.Topic), string(from.Source), string(from.Tags)
	s := &segment{dest: dest}
	c.restored = append(c.restored, s)
	return s, true
}

// maxRestored bounds the open segments of records that say themselves where they
// go. Replicated groups come one after the other: few are open at once.
const maxRestored = 64

// renew puts an empty segment in the place of a full one.
func (c *cutter) renew(full *segment) *segment {
	s := &segment{dest: full.dest, buf: c.producer.scratch.get()}
	for _, list := range [][]*segment{c.open, c.restored} {
		if i := slices.Index(list, full); i >= 0 {
			list[i] = s
		}
	}
	return s
}

// finish hands over what is open at the end of the chunk.
func (c *cutter) finish(start *segment) (taken bool) {
	c.open = append(c.open, c.restored...)
	c.restored = nil
	for i, s := range c.open {
		if s.logs == 0 {
			c.producer.scratch.put(s.buf)
		} else if !c.full(s) {
			c.open = c.open[i+1:]
			return c.discard(start)
		}
	}
	return true
}

// discard recycles what is open.
func (c *cutter) discard(start *segment) (taken bool) {
	for _, s := range append(append(c.open, c.restored...), start) {
		c.producer.scratch.put(s.buf)
	}
	return false
}

// passOver tells unread what lies between the last event and the one that r is at, or
// the end of the chunk.
func (c *cutter) passOver(chunk []byte, r *loggroup.Reader, err error) {
	from, next := c.end, r.Event()
	before := c.skipped
	c.skipped, _ = r.Skipped()
	c.end = next.Offset + next.Size
	skipped := c.skipped > before
	if !skipped && err == nil || from == len(chunk) {
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
	c.unread(from, chunk[from:until], reason)
}

// unreadable notes and logs what of a chunk could not be read. It reports
// whether there was any.
func (c *cutter) unreadable(r *loggroup.Reader, err error) bool {
	var bad *loggroup.CorruptError
	var first loggroup.SkippedValue
	c.corrupt = errors.As(err, &bad)
	c.skipped, first = r.Skipped()
	c.noLogKey = r.WithoutLogKey()
	log := c.producer.log
	if c.corrupt && c.unread == nil { // or it was logged when it was first cut
		log.report(slog.LevelError, "corrupt", "chunk cannot be read to its end", "tag", c.tag, "error", bad)
	}
	if c.skipped > 0 && c.unread == nil {
		log.report(slog.LevelError, "skipped", "chunk holds values that are no events",
			"tag", c.tag, "values", c.skipped, "first_at_byte", first.Offset, "reason", first.Reason)
	}
	return c.corrupt || c.skipped > 0
}

// count counts what was found out about the records of a chunk that does not come back.
func (c *cutter) count() {
	p := c.producer
	p.metrics.noLogKey.Add(uint64(c.noLogKey))
	if c.corrupt {
		p.metrics.corrupt.Add(1)
	}
	if c.skipped > 0 && p.letters == nil {
		p.metrics.dropped.With("", reasonNotAnEvent).Add(uint64(c.skipped))
	}
}
