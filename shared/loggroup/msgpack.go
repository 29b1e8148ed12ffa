package loggroup

import "encoding/binary"

// kind is a msgpack value's type, with the many wire forms of one type folded
// together.
type kind uint8

const (
	kindNil kind = iota
	kindBool
	kindInt
	kindUint
	kindFloat32
	kindFloat64
	kindStr
	kindBin
	kindExt
	kindArray
	kindMap
)

// token is the head of one msgpack value.
type token struct {
	kind kind
	ext  int8 // the ext type
	// n is 0 or 1 for bool, the two's complement of int, the value of uint, the
	// IEEE bits of floats, the payload's bytes of str, bin and ext, the elements
	// of an array and the pairs of a map.
	n uint64
}

const (
	reasonTruncated = "value is cut off"
	reasonReserved  = "byte 0xc1 is not msgpack"
	reasonTooMany   = "container declares more elements than bytes are left"
)

// readToken reads the head at off and returns the offset behind it: where the
// payload, the first element or the next value begins. A payload that is
// declared longer than the bytes left, and a container of more elements than
// bytes left, are errors here, so that no caller has to trust a length.
//
//	positive fixint 00-7f     fixmap 80-8f    fixarray 90-9f   fixstr a0-bf
//	nil c0   false c2  true c3
//	bin 8/16/32 c4-c6   ext 8/16/32 c7-c9   float 32/64 ca-cb
//	uint 8-64 cc-cf     int 8-64 d0-d3      fixext 1-16 d4-d8
//	str 8/16/32 d9-db   array 16/32 dc-dd   map 16/32 de-df
//	negative fixint e0-ff
func readToken(b []byte, off int) (token, int, error) {
	if uint(off) >= uint(len(b)) {
		return token{}, off, corrupt(off, reasonTruncated)
	}
	c := b[off]
	switch {
	case c < 0x80:
		return token{kind: kindUint, n: uint64(c)}, off + 1, nil
	case c >= 0xe0:
		return token{kind: kindInt, n: uint64(int64(int8(c)))}, off + 1, nil
	case c < 0x90:
		return container(b, off, off+1, token{kind: kindMap, n: uint64(c & 0x0f)})
	case c < 0xa0:
		return container(b, off, off+1, token{kind: kindArray, n: uint64(c & 0x0f)})
	case c < 0xc0:
		return payload(b, off, off+1, token{kind: kindStr, n: uint64(c & 0x1f)})
	}
	h := heads[c-0xc0]
	next := off + 1 + int(h.size)
	if next > len(b) {
		return token{}, off, corrupt(off, reasonTruncated)
	}
	t := token{kind: h.kind, n: bigEndian(b[off+1 : next])}
	switch h.kind {
	case kindStr, kindBin:
		return payload(b, off, next, t)
	case kindArray, kindMap:
		return container(b, off, next, t)
	case kindExt:
		return extToken(b, off)
	case kindBool:
		t.n = uint64(c & 1)
	case kindInt:
		t.n = signExtend(t.n, h.size)
	case kindNil:
		if c != 0xc0 {
			return token{}, off, corrupt(off, reasonReserved)
		}
	default:
	}
	return t, next, nil
}

// head is what follows a first byte in c0-df: how many bytes of number, length
// or count, and of which kind.
type head struct {
	kind kind
	size uint8
}

// heads is never written to. 0xc1, which msgpack reserves, is kindNil here and
// told apart by readToken; ext has its own reader.
var heads = [32]head{
	{kindNil, 0}, {kindNil, 0}, {kindBool, 0}, {kindBool, 0}, // c0-c3
	{kindBin, 1}, {kindBin, 2}, {kindBin, 4}, // c4-c6
	{kindExt, 1}, {kindExt, 2}, {kindExt, 4}, // c7-c9
	{kindFloat32, 4}, {kindFloat64, 8}, // ca-cb
	{kindUint, 1}, {kindUint, 2}, {kindUint, 4}, {kindUint, 8}, // cc-cf
	{kindInt, 1}, {kindInt, 2}, {kindInt, 4}, {kindInt, 8}, // d0-d3
	{kindExt, 0}, {kindExt, 0}, {kindExt, 0}, {kindExt, 0}, {kindExt, 0}, // d4-d8
	{kindStr, 1}, {kindStr, 2}, {kindStr, 4}, // d9-db
	{kindArray, 2}, {kindArray, 4}, {kindMap, 2}, {kindMap, 4}, // dc-df
}

// bigEndian reads 0, 1, 2, 4 or 8 bytes.
func bigEndian(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(b))
	case 4:
		return uint64(binary.BigEndian.Uint32(b))
	case 8:
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func signExtend(n uint64, size uint8) uint64 {
	shift := 64 - 8*uint(size)
	return uint64(int64(n<<shift) >> shift)
}

// payload checks that the t.n bytes from next on are there.
func payload(b []byte, off, next int, t token) (token, int, error) {
	if t.n > uint64(len(b)-next) {
		return token{}, off, corrupt(off, reasonTruncated)
	}
	return t, next, nil
}

// container checks that the elements can be there: each takes a byte at least.
func container(b []byte, off, next int, t token) (token, int, error) {
	n := t.n
	if t.kind == kindMap {
		n *= 2
	}
	if n > uint64(len(b)-next) {
		return token{}, off, corrupt(off, reasonTooMany)
	}
	return t, next, nil
}

// extToken reads the head of an ext value.
//
//	fixext 1/2/4/8/16: d4-d8 type data    ext 8/16/32: c7-c9 length type data
func extToken(b []byte, off int) (token, int, error) {
	c := b[off]
	next := off + 1 + int(heads[c-0xc0].size)
	n := bigEndian(b[off+1 : next])
	if c >= 0xd4 {
		n = 1 << (c - 0xd4)
	}
	if next >= len(b) {
		return token{}, off, corrupt(off, reasonTruncated)
	}
	return payload(b, off, next+1, token{kind: kindExt, ext: int8(b[next]), n: n})
}

// size is how many bytes of a token's value follow its head; for a container,
// 0: its elements are values of their own.
func (t token) size() int {
	if t.kind == kindStr || t.kind == kindBin || t.kind == kindExt {
		return int(t.n)
	}
	return 0
}

// isFinite is false for the floats that JSON has no number for.
func (t token) isFinite() bool {
	switch t.kind {
	case kindFloat32:
		return t.n&0x7f800000 != 0x7f800000
	case kindFloat64:
		return t.n&0x7ff0000000000000 != 0x7ff0000000000000
	default:
		return true
	}
}

// skip returns the offset behind the value at off. It does not recurse: no
// depth of nesting costs more than the bytes that declare it. (The count of values
// still expected cannot overflow: each byte adds less to it than there are bytes.)
func skip(b []byte, off int) (int, error) {
	for pending := uint64(1); pending > 0; pending-- {
		t, next, err := readToken(b, off)
		if err != nil {
			return off, err
		}
		switch t.kind {
		case kindArray:
			pending += t.n
		case kindMap:
			pending += 2 * t.n
		default:
			next += t.size()
		}
		off = next
	}
	return off, nil
}

// NextEvent returns the size in bytes of the event that b begins with, so that a buffer
// made by AppendEvents can be cut there. It looks at the structure only, not at whether
// the value is an event. The error is a *CorruptError.
func NextEvent(b []byte) (int, error) {
	return skip(b, 0)
}
