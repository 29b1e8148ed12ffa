package journal

import (
	"encoding/binary"
	"hash/crc32"
	"time"
)

// A file is a row of frames of one size, the first of which is its head. A page of
// memory holds a whole number of them, so that a kill tears none in two. Numbers are
// little-endian:
//
//	frame = checksum (4, CRC-32C of the rest)  kind (1)  rest (59)
//
//	accepted = flags (1)  time (6, Unix ms)  id (16)  fingerprint (8)
//	           segment (4)  total (4)  origin (4)  span (8)  span (8)
//	number    = flags (1)  time (6)  key (16)  boot (8)  number (8)
//	            rewritten (8, Unix ns)  place (4)  0 (8)
//	sent      = as accepted, with one span
//	refused   = 0 (1)  time (6)  key (16)  0 (8)  number (8)  0 (20)
//	span = first (4)  logs (4); none where logs is 0
//
// total is how many segments the chunk has, 0 when that was not known yet. origin is
// that of an Origin, 0 when that was not known. A number is that of a write, and the frame
// behind it is sent: what the write carries. One without the other states nothing. boot
// tells one start of the machine from another.
const frameSize = 64

// kind says what a frame states.
type kind byte

const (
	kindNone     kind = 0 // the frame was never written, or holds rubbish
	kindAccepted kind = 1 // SLS has accepted logs of a segment
	kindNumber   kind = 3 // the next frame is of a write with this number
	kindSent     kind = 4 // logs of a segment go out under the number before
	kindRefused  kind = 5 // a number is over, and what it carried was not accepted
)

// Flags of frames.
const (
	// flagSettled says that nothing of the segment is open: what was not accepted, SLS has
	// refused for good.
	flagSettled = 1
	flagAll     = 1 // of a number: all logs are rewritten
)

// spansPerFrame is how many spans a frame has room for. A segment with more has more
// frames: what they state adds up.
const spansPerFrame = 2

// framesPerNumber is what a number takes, with what it carries.
const framesPerNumber = 2

// Span is a run of logs of a segment.
type Span struct{ First, Logs int }

// frame is one statement.
type frame struct {
	kind        kind
	settled     bool
	at          time.Time
	id          ID
	fingerprint uint64
	segment     uint32
	total       uint32
	origin      uint32
	spans       [spansPerFrame]Span

	// Of a number, and the first two of refused ones.
	key     Key
	number  uint64
	boot    uint64
	place   uint32
	rewrite Rewrite
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// append appends f as frameSize bytes.
func (f *frame) append(dst []byte) []byte {
	var b [frameSize]byte
	b[4] = byte(f.kind)
	var ms [8]byte
	binary.LittleEndian.PutUint64(ms[:], uint64(f.at.UnixMilli()))
	copy(b[6:12], ms[:])
	if f.kind == kindNumber || f.kind == kindRefused {
		f.putNumber(&b)
	} else {
		f.putStatement(&b)
	}
	return append(dst, seal(b[:])...)
}

func (f *frame) putStatement(b *[frameSize]byte) {
	if f.settled {
		b[5] = flagSettled
	}
	copy(b[12:28], f.id[:])
	binary.LittleEndian.PutUint64(b[28:], f.fingerprint)
	binary.LittleEndian.PutUint32(b[36:], f.segment)
	binary.LittleEndian.PutUint32(b[40:], f.total)
	binary.LittleEndian.PutUint32(b[44:], f.origin)
	for i, s := range f.spans {
		binary.LittleEndian.PutUint32(b[48+8*i:], uint32(s.First))
		binary.LittleEndian.PutUint32(b[52+8*i:], uint32(s.Logs))
	}
}

func (f *frame) putNumber(b *[frameSize]byte) {
	if f.rewrite.All {
		b[5] = flagAll
	}
	copy(b[12:28], f.key[:])
	binary.LittleEndian.PutUint64(b[28:], f.boot)
	binary.LittleEndian.PutUint64(b[36:], f.number)
	binary.LittleEndian.PutUint64(b[44:], uint64(f.rewrite.At))
	binary.LittleEndian.PutUint32(b[52:], f.place)
}

// seal writes the checksum of a frame into it.
func seal(b []byte) []byte {
	binary.LittleEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
	return b
}

// intact tells whether b is a frame as it was written.
func intact(b []byte) bool {
	return len(b) == frameSize && binary.LittleEndian.Uint32(b) == crc32.Checksum(b[4:], castagnoli)
}

// readFrame reads a frame. One that is not intact, or of a kind that is not known, is
// of kindNone: it costs only itself.
func readFrame(b []byte) (f frame) {
	if !intact(b) {
		return frame{}
	}
	var ms [8]byte
	copy(ms[:], b[6:12])
	f = frame{kind: kind(b[4]), at: time.UnixMilli(int64(binary.LittleEndian.Uint64(ms[:])))}
	switch f.kind {
	case kindAccepted, kindSent:
		f.readStatement(b)
	case kindNumber, kindRefused:
		f.readNumber(b)
	default:
		return frame{}
	}
	return f
}

func (f *frame) readStatement(b []byte) {
	f.settled = b[5]&flagSettled != 0
	f.id = ID(b[12:28])
	f.fingerprint = binary.LittleEndian.Uint64(b[28:])
	f.segment = binary.LittleEndian.Uint32(b[36:])
	f.total = binary.LittleEndian.Uint32(b[40:])
	f.origin = binary.LittleEndian.Uint32(b[44:])
	for i := range f.spans {
		f.spans[i].First = int(binary.LittleEndian.Uint32(b[48+8*i:]))
		f.spans[i].Logs = int(binary.LittleEndian.Uint32(b[52+8*i:]))
	}
}

func (f *frame) readNumber(b []byte) {
	f.key = Key(b[12:28])
	f.boot = binary.LittleEndian.Uint64(b[28:])
	f.number = binary.LittleEndian.Uint64(b[36:])
	f.rewrite = Rewrite{At: int64(binary.LittleEndian.Uint64(b[44:])), All: b[5]&flagAll != 0}
	f.place = binary.LittleEndian.Uint32(b[52:])
}
