package source

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"fluent-bit-sls/tests/slsfake"
)

var errEvents = errors.New("what was handed over is no msgpack of the forms in use")

// eventReader reads what an input handed over. Like the writer of chunks it shares
// no code with the plugins.
type eventReader struct {
	rest []byte
	err  error // the first one sticks
}

func (r *eventReader) take(n int) []byte {
	if r.err != nil || n > len(r.rest) {
		r.err = errEvents
		return make([]byte, min(n, 16))
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// head reads the head of an array or a map of up to 15 entries, or 16 bits of
// them: fix is the first byte without the count, long that of the longer form.
func (r *eventReader) head(fix, long byte) int {
	switch b := r.take(1)[0]; {
	case b&0xf0 == fix:
		return int(b & 0x0f)
	case b == long:
		return int(binary.BigEndian.Uint16(r.take(2)))
	default:
		r.err = errEvents
		return 0
	}
}

func (r *eventReader) array() int  { return r.head(0x90, 0xdc) }
func (r *eventReader) fields() int { return r.head(0x80, 0xde) }

func (r *eventReader) str() []byte {
	switch b := r.take(1)[0]; {
	case b&0xe0 == 0xa0:
		return r.take(int(b & 0x1f))
	case b == 0xd9:
		return r.take(int(r.take(1)[0]))
	case b == 0xda:
		return r.take(int(binary.BigEndian.Uint16(r.take(2))))
	default:
		r.err = errEvents
		return nil
	}
}

// time reads an EventTime, ext type 0 in 8 bytes.
func (r *eventReader) time() (sec, nsec uint32) {
	if head := r.take(2); head[0] != 0xd7 || head[1] != 0 {
		r.err = errEvents
	}
	b := r.take(8)
	return binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
}

// Span is the records from..to-1 of a shard.
type Span struct {
	Shard    int
	From, To uint32
}

// Read identifies the events of a buffer and checks that each holds what was
// written, and the place it was read from.
//
//	event = array(2) array(2) EventTime map(metadata) map(record)
func (w *Written) Read(buf []byte) (spans []Span, records int, err error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	r := eventReader{rest: buf}
	near := 0
	for len(r.rest) > 0 {
		if event, head := r.array(), r.array(); event != 2 || head != 2 {
			return spans, records, errEvents
		}
		sec, n := r.time()
		found, ok := w.find(n, near)
		if r.err != nil {
			return spans, records, r.err
		}
		if !ok {
			return spans, records, fmt.Errorf("record %d was never written", n)
		}
		near = found
		if err := w.check(&r, &w.groups[near], n, sec); err != nil {
			return spans, records, err
		}
		records++
		g := &w.groups[near]
		at := g.ordinal + n - g.first
		if last := len(spans) - 1; last >= 0 && spans[last].Shard == g.shard && spans[last].To == at {
			spans[last].To++
			continue
		}
		spans = append(spans, Span{Shard: g.shard, From: at, To: at + 1})
	}
	return spans, records, nil
}

// check reads the metadata and the record of record n.
func (w *Written) check(r *eventReader, g *WrittenGroup, n, sec uint32) error {
	place, seen := false, 0
	want := w.contents(*g, n-g.first)
	for range 2 {
		for range r.fields() {
			key, value := string(r.str()), r.str()
			switch key {
			case want[seen%len(want)].Key:
				if string(value) != want[seen%len(want)].Value {
					return fmt.Errorf("record %d has %s %q instead of %q", n, key, value, want[seen%len(want)].Value)
				}
				seen++
			case "__id__":
				place = true
				id := strconv.Itoa(g.shard) + "|" + slsfake.EncodeCursor(g.number) + "|" + strconv.Itoa(int(n-g.first))
				if string(value) != id {
					return fmt.Errorf("record %d comes with the place %q instead of %q", n, value, id)
				}
			case "__project__", "__logstore__", "__shard__", "__cursor__":
			default:
				return fmt.Errorf("record %d has %q", n, key)
			}
		}
	}
	if r.err != nil {
		return fmt.Errorf("record %d: %w", n, r.err)
	}
	if seen != len(want) || !place || sec != uint32(firstSecond+g.Key) {
		return fmt.Errorf("record %d is not whole: %d contents, place %t, second %d", n, seen, place, sec)
	}
	return nil
}
