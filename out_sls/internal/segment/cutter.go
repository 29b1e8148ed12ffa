package segment

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sync/atomic"

	"fluent-bit-sls/out_sls/internal/report"
	"fluent-bit-sls/out_sls/internal/route"
	"fluent-bit-sls/shared/buffer"
	"fluent-bit-sls/shared/loggroup"
)

// Config is how chunks are cut.
type Config struct {
	Encode loggroup.EncodeOptions // without the tag
	Bytes  int                    // batch_bytes
	Count  int                    // batch_count
	// Sequence names what the log groups of a tag are numbered in; nil = they are not.
	Sequence func(tag string) string
}

// Cutter cuts the chunks of an instance. It is safe for concurrent use.
type Cutter struct {
	cfg     Config
	router  *route.Router
	buffers *buffer.Pool
	log     *report.Log
	full    atomic.Int64 // bytes of the last segment that was full
}

// NewCutter returns a cutter whose segments' buffers are of buffers.
func NewCutter(cfg Config, router *route.Router, buffers *buffer.Pool, log *report.Log) *Cutter {
	c := &Cutter{cfg: cfg, router: router, buffers: buffers, log: log}
	c.full.Store(int64(cfg.Bytes))
	return c
}

// room is about what a segment takes of that many bytes of a chunk: logs are a little
// larger than their events, and a full segment is as large as the last one. What takes more
// grows.
func (c *Cutter) room(events int) int {
	const more = 8 // one part in
	full := int(c.full.Load())
	return min(events+events/more, full+full/(4*more)) + 512
}

// Summary is what was found out about a chunk.
type Summary struct {
	Skipped  int  // values that are no events
	NoLogKey int  // records without log_key
	Corrupt  bool // the chunk could not be read to its end
}

// Whole tells whether all of the chunk has become logs.
func (s *Summary) Whole() bool { return s.Skipped == 0 && !s.Corrupt }

// Cut encodes the events of a chunk. full gets each segment that is complete, and owns
// it. An error of full ends the cutting and is returned.
func (c *Cutter) Cut(tag string, chunk []byte, full func(*Segment) error) (Summary, error) {
	w := work{cutter: c, tag: tag, full: full}
	err := w.cut(chunk)
	return w.summary, err
}

// CutAgain cuts a chunk as Cut does, to find the originals of its logs: segments have
// their Places. unread gets what has become no log: values that are no events, and what
// follows a corrupt byte. Nothing is logged. The segments stay CutAgain's.
func (c *Cutter) CutAgain(tag string, chunk []byte, full func(*Segment), unread func(offset int, bytes []byte, reason string)) {
	w := work{cutter: c, tag: tag, unread: unread, full: func(s *Segment) error {
		full(s)
		c.buffers.Put(s.Logs)
		return nil
	}}
	_ = w.cut(chunk) // full gives no error
}

// work is the cutting of one chunk.
type work struct {
	cutter   *Cutter
	tag      string
	sequence string
	open     []*Segment // by slot of the session: one per destination it has open
	restored []*Segment // of records that said themselves where they go
	full     func(*Segment) error
	unread   func(offset int, bytes []byte, reason string) // nil when cut to be sent
	end      int                                           // behind the last event; with unread only
	summary  Summary
}

func (w *work) cut(chunk []byte) error {
	opts := w.cutter.cfg.Encode
	opts.Tag = w.tag
	var r loggroup.Reader
	r.Reset(chunk, opts)
	session := w.cutter.router.Begin(w.tag)
	defer w.endSession(session)
	if w.cutter.cfg.Sequence != nil {
		w.sequence = w.cutter.cfg.Sequence(w.tag)
	}
	// An event is encoded where the one before went. It is moved in the rare case that it
	// goes elsewhere.
	start := &Segment{Logs: w.cutter.buffers.Get(w.cutter.room(len(chunk)))}
	cur := start
	var last *route.Target // of cur, nil when the record itself said where it goes
	for {
		n := len(cur.Logs)
		buf, err := r.Next(cur.Logs)
		if w.unread != nil {
			w.passOver(chunk, &r, err)
		}
		if err != nil {
			w.unreadable(&r, err)
			break
		}
		target := session.Route(r.Record())
		from := r.Restored()
		if target == last && !from.Any() {
			cur.Logs = buf
		} else {
			to, err := w.segment(target, from, cur)
			if err != nil {
				return w.discard(start, err)
			}
			cur.moveLast(to, buf, n)
			cur, last = to, target
			if from.Any() {
				last = nil
			}
		}
		cur.Count++
		if w.unread != nil {
			event := r.Event()
			cur.Places = append(cur.Places, Place{event.Offset, event.Size})
		}
		if len(cur.Logs) < w.cutter.cfg.Bytes && cur.Count < w.cutter.cfg.Count {
			continue
		}
		full := cur
		w.cutter.full.Store(int64(len(full.Logs)))
		cur = w.renew(full, w.cutter.room(len(chunk)-r.Event().Offset))
		if err := w.full(full); err != nil {
			return w.discard(start, err)
		}
	}
	w.cutter.buffers.Put(start.Logs)
	start.Logs = nil
	return w.finish(start)
}

// endSession logs what allow_destinations and max_log_groups have turned away, when it is
// cut to be sent.
func (w *work) endSession(s *route.Session) {
	refused, first := s.Refused()
	capped := s.Capped()
	s.End()
	if refused > 0 && w.unread == nil {
		w.cutter.log.Warn("refused destination",
			"records name destinations that allow_destinations does not have, they go to the default one",
			"tag", w.tag, "first", first, "records_since_start", w.cutter.router.Stats().Refused)
	}
	if capped > 0 && w.unread == nil {
		w.cutter.log.Warn("capped",
			"the records of a chunk choose more topics, tags and the like than max_log_groups, the rest goes without",
			"tag", w.tag, "records", capped, "records_since_start", w.cutter.router.Stats().Capped)
	}
}

// segment is the open segment for a record. When the session has closed a destination to
// make room, the segment of that one is full. cur is never closed here: it was used last,
// and its buffer still holds this record.
func (w *work) segment(t *route.Target, from *loggroup.Restored, cur *Segment) (*Segment, error) {
	if from.Any() {
		return w.restoredSegment(t, from, cur)
	}
	to := Address{t.Destination, w.sequence}
	for t.Slot >= len(w.open) { // slots whose records went elsewhere stay empty
		w.open = append(w.open, &Segment{To: to})
	}
	s := w.open[t.Slot]
	if s.To == to {
		return s, nil
	}
	w.open[t.Slot] = &Segment{To: to}
	if s.Count == 0 {
		w.cutter.buffers.Put(s.Logs)
		return w.open[t.Slot], nil
	}
	return w.open[t.Slot], w.full(s)
}

// restoredSegment is the open segment for a record that carries the topic, source and
// tags that it had in SLS: what it does not carry it did not have.
func (w *work) restoredSegment(t *route.Target, from *loggroup.Restored, cur *Segment) (*Segment, error) {
	for _, s := range slices.Backward(w.restored) {
		if d := &s.To; d.Topic == string(from.Topic) && d.Source == string(from.Source) && d.Tags == string(from.Tags) &&
			d.HashKey == t.HashKey && d.Logstore == t.Logstore && d.Project == t.Project {
			return s, nil
		}
	}
	if err := w.closeRestored(cur); err != nil {
		return nil, err
	}
	to := Address{t.Destination, w.sequence}
	if bytes.Contains(from.Tags, []byte(PackIDKey)) {
		to.Sequence = "" // it has the number that it had
	}
	to.Topic, to.Source, to.Tags = string(from.Topic), string(from.Source), string(from.Tags)
	s := &Segment{To: to}
	w.restored = append(w.restored, s)
	return s, nil
}

// closeRestored makes room for one more restored segment: when there is none, all of
// them but cur are full.
func (w *work) closeRestored(cur *Segment) error {
	if len(w.restored) < maxRestored {
		return nil
	}
	open := w.restored
	w.restored = nil
	for i, s := range open {
		if s == cur {
			w.restored = append(w.restored, s)
			continue
		}
		if s.Count == 0 {
			continue
		}
		if err := w.full(s); err != nil {
			w.restored = append(w.restored, open[i+1:]...)
			return err
		}
	}
	return nil
}

// maxRestored bounds the open segments of records that say themselves where they
// go. Replicated groups come one after the other: few are open at once.
const maxRestored = 64

// renew puts an empty segment in the place of a full one.
func (w *work) renew(full *Segment, room int) *Segment {
	s := &Segment{To: full.To, Logs: w.cutter.buffers.Get(room)}
	for _, list := range [][]*Segment{w.open, w.restored} {
		if i := slices.Index(list, full); i >= 0 {
			list[i] = s
		}
	}
	return s
}

// finish hands over what is open at the end of the chunk.
func (w *work) finish(start *Segment) error {
	w.open = append(w.open, w.restored...)
	w.restored = nil
	for i, s := range w.open {
		if s.Count == 0 {
			w.cutter.buffers.Put(s.Logs)
		} else if err := w.full(s); err != nil {
			w.open = w.open[i+1:]
			return w.discard(start, err)
		}
	}
	return nil
}

// discard recycles what is open, and returns the error that has ended the cutting.
func (w *work) discard(start *Segment, err error) error {
	for _, s := range append(append(w.open, w.restored...), start) {
		w.cutter.buffers.Put(s.Logs)
	}
	return err
}

// passOver tells unread what lies between the last event and the one that r is at, or
// the end of the chunk.
func (w *work) passOver(chunk []byte, r *loggroup.Reader, err error) {
	from, next := w.end, r.Event()
	before := w.summary.Skipped
	w.summary.Skipped, _ = r.Skipped()
	w.end = next.Offset + next.Size
	skipped := w.summary.Skipped > before
	if !skipped && err == nil || from == len(chunk) {
		return
	}
	until, reason := len(chunk), report.ReasonNotAnEvent
	switch {
	case err == nil:
		until = next.Offset
	case !errors.Is(err, io.EOF):
		reason = report.ReasonCorrupt
	case !skipped:
		return // group markers only
	}
	w.unread(from, chunk[from:until], reason)
}

// unreadable notes what of a chunk could not be read. It is logged when the chunk is cut
// to be sent.
func (w *work) unreadable(r *loggroup.Reader, err error) {
	var bad *loggroup.CorruptError
	var first loggroup.SkippedValue
	w.summary.Corrupt = errors.As(err, &bad)
	w.summary.Skipped, first = r.Skipped()
	w.summary.NoLogKey = r.WithoutLogKey()
	if w.unread != nil {
		return
	}
	log := w.cutter.log
	if w.summary.Corrupt {
		log.Error("corrupt", "chunk cannot be read to its end", "tag", w.tag, "error", bad)
	}
	if w.summary.Skipped > 0 {
		log.Error("skipped", "chunk holds values that are no events",
			"tag", w.tag, "values", w.summary.Skipped, "first_at_byte", first.Offset, "reason", first.Reason)
	}
}
