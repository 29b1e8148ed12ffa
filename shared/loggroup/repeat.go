package loggroup

import "bytes"

// What a filter adds to the records of a chunk is often the same for all of them: the map
// `kubernetes` of a container's lines, for one. Comparing such a pair with the one of the
// record before takes a fraction of the time that writing its JSON takes.

// Bounds of the pairs that are remembered, in bytes of msgpack: below, there is little
// to save, and above, much to copy.
const (
	minRepeat = 64
	maxRepeat = 32 << 10
)

// repeat is a pair of the chunk and the content it became; the zero value is none.
type repeat struct {
	start, end int
	content    []byte
	renames    bool // how its key was written
}

// repeats are the large pairs of the last record, by their order in it.
type repeats [4]repeat

// reset forgets the chunk and keeps the buffers.
func (rs *repeats) reset() {
	for i := range rs {
		rs[i] = repeat{content: rs[i].content[:0]}
	}
}

// appendContent appends any pair: what appendStrings does not do.
func (r *Reader) appendContent(dst []byte, off int) ([]byte, int, error) {
	slot := &r.repeats[r.large%len(r.repeats)]
	// The bytes of a pair say where it ends. So what begins with the bytes of a pair is
	// that pair.
	if pair := r.chunk[slot.start:slot.end]; len(pair) > 0 && slot.renames == r.renames && bytes.HasPrefix(r.chunk[off:], pair) {
		r.large++
		return append(dst, slot.content...), off + len(pair), nil
	}
	at := len(dst)
	dst, end, err := r.appendNewContent(dst, off)
	if size := end - off; err == nil && size >= minRepeat && size <= maxRepeat {
		*slot = repeat{off, end, append(slot.content[:0], dst[at:]...), r.renames}
		r.large++
	}
	return dst, end, err
}
