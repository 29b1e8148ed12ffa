package loggroup

import (
	"encoding/binary"
	"math/bits"
)

// noLen is room for a length that is not known yet; never written to.
var noLen [maxVarintSize]byte

// varintSize is how many bytes n takes as a varint.
func varintSize(n uint64) int {
	return (bits.Len64(n|1) + 6) / 7
}

// putVarint writes n at b[p:], which has room, and returns the offset behind it.
func putVarint(b []byte, p, n int) int {
	for n >= 0x80 {
		b[p] = byte(n) | 0x80
		n >>= 7
		p++
	}
	b[p] = byte(n)
	return p + 1
}

// putLen writes the length of dst[at+size:] as a varint into the size bytes kept
// free for it at dst[at:], and moves what follows when the varint takes another
// size. It returns that size.
func putLen(dst []byte, at, size int) ([]byte, int) {
	n := len(dst) - at - size
	need := varintSize(uint64(n))
	if need != size {
		if need > size {
			dst = append(dst, noLen[:need-size]...)
		}
		copy(dst[at+need:], dst[at+size:at+size+n])
		dst = dst[:at+need+n]
	}
	putVarint(dst, at, n)
	return dst, need
}

const (
	reasonVarint    = "varint is longer than ten bytes"
	reasonWireType  = "field has the wrong wire type"
	reasonTag       = "field number or wire type is illegal"
	reasonGroupEnd  = "end of a protobuf group that was not begun"
	reasonNoTime    = "log has no time"
	reasonNoKey     = "content or tag has no key"
	reasonNoValue   = "content or tag has no value"
	reasonTooLarge  = "log group of more than 1 GiB"
	wireVarint      = 0
	wireFixed64     = 1
	wireBytes       = 2
	wireStartGroup  = 3
	wireEndGroup    = 4
	wireFixed32     = 5
	wireTypeBits    = 3
	wireTypeBitMask = 1<<wireTypeBits - 1
)

// field is one protobuf field.
type field struct {
	number int
	wire   int
	value  uint64 // of a varint or a fixed32
	start  int    // of a bytes field's payload, which ends where the next field begins
}

// readVarint reads a varint at off and returns the offset behind it, or else why
// there is none. Bits beyond 64 are dropped, as the generated Go code does.
func readVarint(b []byte, off int) (n uint64, next int, reason string) {
	if uint(off) < uint(len(b)) && b[off] < 0x80 {
		return uint64(b[off]), off + 1, ""
	}
	for i := range maxVarintSize {
		if off+i >= len(b) {
			return 0, off, reasonTruncated
		}
		c := b[off+i]
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return n, off + i + 1, ""
		}
	}
	return 0, off, reasonVarint
}

// readField reads the field at off and returns the offset behind it. The offset in an
// error is off, whichever part of the field is wrong.
//
//	field = tag (varint: number << 3 | wire type) payload
func readField(b []byte, off int) (field, int, error) {
	tag, next, reason := readVarint(b, off)
	// The generated code takes the number as an int32, too.
	f := field{number: int(int32(tag >> wireTypeBits)), wire: int(tag & wireTypeBitMask)}
	switch {
	case reason != "":
	case f.number <= 0:
		reason = reasonTag
	case f.wire == wireStartGroup:
		f.start = next
		next, reason = skipGroup(b, next)
	case f.wire == wireEndGroup:
		reason = reasonGroupEnd
	default:
		next, reason = f.readPayload(b, next)
	}
	if reason != "" {
		return field{}, off, corrupt(off, reason)
	}
	return f, next, nil
}

// readPayload reads what follows a tag, other than that of a group.
//
//	payload = 0: varint | 1: 8 bytes | 2: length (varint), bytes | 5: 4 bytes
func (f *field) readPayload(b []byte, off int) (next int, reason string) {
	size := uint64(0)
	switch f.wire {
	case wireVarint:
		f.value, off, reason = readVarint(b, off)
	case wireFixed64:
		size = 8
	case wireBytes:
		size, off, reason = readVarint(b, off)
	case wireFixed32:
		size = 4
		if len(b)-off >= 4 {
			f.value = uint64(binary.LittleEndian.Uint32(b[off:]))
		}
	default:
		reason = reasonTag
	}
	f.start = off
	if reason == "" && size > uint64(len(b)-off) {
		reason = reasonTruncated
	}
	return off + int(size), reason
}

// skipGroup returns the offset behind the group whose first field is at off. Groups are
// proto2's and long deprecated; no SLS message has one. Like the generated code it looks
// at wire types only.
//
//	group = fields, tag of wire type 4
func skipGroup(b []byte, off int) (next int, reason string) {
	for depth := 1; depth > 0 && reason == ""; {
		var tag uint64
		if tag, off, reason = readVarint(b, off); reason != "" {
			break
		}
		f := field{wire: int(tag & wireTypeBitMask)}
		switch f.wire {
		case wireStartGroup:
			depth++
		case wireEndGroup:
			depth--
		default:
			off, reason = f.readPayload(b, off)
		}
	}
	return off, reason
}

// NextLog returns the size in bytes of the field that b begins with, so that what
// Reader.Next has appended can be cut there, a Log at a time. The error is a
// *CorruptError.
func NextLog(b []byte) (int, error) {
	_, n, err := readField(b, 0)
	return n, err
}
