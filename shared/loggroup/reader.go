package loggroup

import "io"

// EncodeOptions says what goes into a Log beside its time and its record.
type EncodeOptions struct {
	// GroupAttributes adds the attributes of the open group (OpenTelemetry's
	// resource and scope) to each of its records, as contents behind the
	// record's own.
	GroupAttributes bool
	// Content chooses the contents; nil = the record as it is.
	Content *Content
	// RenameReserved renames the keys of a record that would be taken for what SLS or
	// in_sls says of a log. See "Reserved names" in the package comment.
	RenameReserved bool
	// Tag is Fluent Bit's tag of the chunk, for a Content with a TagKey.
	Tag string
}

// Reader walks the events of one chunk once and encodes each as a Log. The
// zero value is an empty chunk; Reset makes it ready for the next one and keeps
// its buffers. It is not for concurrent use.
//
// The chunk must not change while it is read. The Reader never writes to it and
// keeps it until the next Reset: Reset(nil, ...) lets go of it.
type Reader struct {
	chunk []byte
	off   int   // where the next value begins
	err   error // io.EOF or what was corrupt: every later call returns it again

	head    eventHead // of the last event
	start   int       // its offset
	end     int       // the offset behind it
	lenSize int       // bytes the last Log's length took: the next one's guess

	opts    EncodeOptions
	repeats repeats
	large   int    // large pairs of this record so far
	inGroup bool   // a group is open
	group   []byte // its attributes as contents
	scratch []byte // a JSON text on its way to becoming a key
	renames bool   // reserved keys of the pairs that are being read get another name

	// With opts.Content only:
	tagField  []byte    // the content with the tag
	only      selection // the log key's value in the last event
	restored  Restored  // taken out of the last event
	taken     []taken   // of its record
	takenMeta []taken   // of its metadata
	// inMetadata: the event's metadata has restored a group. noTimeNs: it says, too, that
	// the Log had no TimeNs.
	inMetadata, noTimeNs bool

	path []byte // what precedes a key: a prefix, the keys of the maps around it
	flat int    // bytes left of maxFlat

	withoutLogKey int

	skipped      int
	firstSkipped SkippedValue
}

// SkippedValue is a value of a chunk that is msgpack but no event.
type SkippedValue struct {
	Offset int    // where it begins in the chunk
	Reason string // a constant text
}

// Reset makes r read chunk from its first byte.
func (r *Reader) Reset(chunk []byte, opts EncodeOptions) {
	r.repeats.reset()
	*r = Reader{
		chunk: chunk, opts: opts, repeats: r.repeats,
		lenSize: max(r.lenSize, 1), group: r.group[:0], scratch: r.scratch[:0],
		tagField: r.tagField[:0], path: r.path[:0],
		taken: r.taken[:0], takenMeta: r.takenMeta[:0], restored: Restored{Tags: r.restored.Tags[:0]},
	}
	if c := opts.Content; c != nil && c.tagKey != "" {
		r.tagField = appendTextContent(r.tagField, c.tagKey, opts.Tag)
	}
}

// Next appends the next event's Log as a field of a LogGroup (0x0a, length,
// Log) to dst. The error is io.EOF at the end, or a *CorruptError when the rest
// of the chunk cannot be read: every event before that has been returned.
//
// With an error, dst is returned as it was (its spare capacity may have been
// written to). Group markers and values that are no events are passed over; the
// latter are counted, see Skipped.
func (r *Reader) Next(dst []byte) ([]byte, error) {
	if err := r.advance(); err != nil {
		return dst, err
	}
	out, end, err := r.appendLog(dst)
	if err != nil {
		return dst, r.fail(err)
	}
	r.off, r.end = end, end
	return out, nil
}

// Scan moves to the next event without encoding it, for a caller that wants no more
// than the Event. The errors are those of Next.
func (r *Reader) Scan() error {
	if err := r.advance(); err != nil {
		return err
	}
	end, err := skip(r.chunk, r.head.record)
	if err != nil {
		return r.fail(err)
	}
	r.off, r.end = end, end
	return nil
}

// fail makes err the answer of every later call, and leaves no half-read event
// for Event to cut out of the chunk.
func (r *Reader) fail(err error) error {
	r.err = err
	r.head, r.start, r.end = eventHead{}, 0, 0
	r.forget()
	return err
}

// Event returns the event that Next or Scan last moved to. It is the zero Event before
// the first and after an error.
func (r *Reader) Event() Event {
	if r.end == 0 {
		return Event{}
	}
	h := &r.head
	e := Event{
		Sec: uint32(h.sec), Nsec: h.nsec,
		Record: r.chunk[h.record:r.end:r.end],
		Offset: r.start, Size: r.end - r.start,
	}
	if h.meta > 0 {
		e.Metadata = r.chunk[h.meta:h.metaEnd:h.metaEnd]
	}
	return e
}

// Record returns the record of that event, a msgpack map; nil where Event is zero.
func (r *Reader) Record() []byte {
	if r.end == 0 {
		return nil
	}
	return r.chunk[r.head.record:r.end:r.end]
}

// Skipped returns how many values were passed over because they are msgpack but
// no events, and the first of them.
func (r *Reader) Skipped() (int, SkippedValue) {
	return r.skipped, r.firstSkipped
}

// Restored returns what RestoreMeta took out of the event that Next or Scan last moved
// to. It is empty before the first and after an error.
func (r *Reader) Restored() *Restored {
	return &r.restored
}

// WithoutLogKey returns how many events had no value at the path of LogKey.
func (r *Reader) WithoutLogKey() int {
	return r.withoutLogKey
}

// advance reads up to the record of the next event. r.end is not known yet.
func (r *Reader) advance() error {
	err := r.err
	for err == nil && r.off < len(r.chunk) {
		var notEvent string
		notEvent, err = r.head.readHead(r.chunk, r.off)
		switch {
		case err != nil:
		case notEvent != "":
			err = r.skipValue(notEvent)
		case r.head.marker == groupStart, r.head.marker == groupEnd && r.inGroup:
			err = r.readGroup(r.head)
		default:
			r.start = r.off
			if r.opts.Content != nil {
				r.prepare(r.opts.Content)
			}
			return nil
		}
	}
	if err == nil {
		err = io.EOF
	}
	return r.fail(err)
}

func (r *Reader) skipValue(reason string) error {
	end, err := skip(r.chunk, r.off)
	if err != nil {
		return err
	}
	if r.skipped == 0 {
		r.firstSkipped = SkippedValue{Offset: r.off, Reason: reason}
	}
	r.skipped++
	r.off = end
	return nil
}

// readGroup reads a group marker. A group's start replaces a group still open.
//
//	group start = [[-1, metadata], attributes]    group end = [[-2, {}], {}]
func (r *Reader) readGroup(h eventHead) (err error) {
	r.group, r.inGroup = r.group[:0], h.marker == groupStart
	if !r.opts.GroupAttributes || h.marker == groupEnd {
		r.off, err = skip(r.chunk, h.record)
		return err
	}
	r.begin(prefixGroup)
	if h.meta > 0 {
		// readHead has walked the metadata: its head is there.
		t, first, _ := readToken(r.chunk, h.meta)
		if r.group, _, err = r.appendPairs(r.group, first, int(t.n), scope{kept: true}); err != nil {
			return err
		}
	}
	r.group, r.off, err = r.appendPairs(r.group, h.first, h.pairs, scope{kept: true})
	return err
}
