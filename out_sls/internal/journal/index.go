package journal

import (
	"encoding/binary"
	"math/bits"
)

// index says where on file the statements about a chunk are. A chunk is known by half
// of its ID: whoever goes by it compares the whole with what is on file.
type index struct {
	chunks map[uint64]place
	prev   []uint32 // by frame: the one before about the same chunk; 0 = none
	live   bitset   // frames that state something that holds
	numbers
}

// place is what is stated of the chunks of one key: as a rule of one.
type place struct {
	last    uint32 // frame with the latest statement
	settled uint16 // segments of which nothing is open, at most 65535
	total   uint16 // segments; 0 = not known
}

func newIndex(frames int) index {
	return index{chunks: map[uint64]place{}, prev: make([]uint32, 1, frames+1), numbers: newNumbers()}
}

func (id ID) half() uint64 { return binary.LittleEndian.Uint64(id[:]) }

// finished tells whether nothing of the chunk was open.
func (p *place) finished() bool { return p.total > 0 && p.settled >= p.total }

// add takes note of the next frame of the file.
func (x *index) add(f frame) {
	n := uint32(len(x.prev))
	x.prev = append(x.prev, 0)
	switch f.kind {
	case kindAccepted:
		x.link(n, f)
		x.accepted(f)
	case kindNumber:
		x.next = f
	case kindSent:
		if x.next.kind == kindNumber {
			x.link(n, f)
			x.sent(n, x.next, f)
		}
	case kindRefused:
		x.refused(f)
	default: // It may have been the end of any number.
		x.doubt()
	}
	if f.kind != kindNumber {
		x.next = frame{}
	}
}

// link takes frame n for the latest statement about its chunk.
func (x *index) link(n uint32, f frame) {
	p := x.chunks[f.id.half()]
	x.prev[n] = p.last
	p.last = n
	if f.kind == kindAccepted {
		p.note(f)
	}
	x.chunks[f.id.half()] = p
	x.live.set(n, true)
}

func (p *place) note(f frame) {
	const most = 1<<16 - 1
	if f.settled && p.settled < most {
		p.settled++
	}
	if f.total > 0 {
		p.total = uint16(min(f.total, most))
	}
}

// bitset is a set of frame numbers.
type bitset []uint64

func (b *bitset) set(n uint32, in bool) {
	for int(n/64) >= len(*b) {
		*b = append(*b, 0)
	}
	if in {
		(*b)[n/64] |= 1 << (n % 64)
	} else {
		(*b)[n/64] &^= 1 << (n % 64)
	}
}

func (b bitset) has(n uint32) bool { return int(n/64) < len(b) && b[n/64]&(1<<(n%64)) != 0 }

func (b bitset) count() (n int) {
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}
