package loggroup

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"time"
)

// appendText appends the text of the msgpack value at off, by the rules of the
// package comment, and returns the offset behind it.
func (r *Reader) appendText(dst []byte, off int) ([]byte, int, error) {
	t, next, err := readToken(r.chunk, off)
	if err != nil {
		return dst, off, err
	}
	switch t.kind {
	case kindStr, kindBin:
		end := next + int(t.n)
		return appendValid(dst, r.chunk[next:end]), end, nil
	case kindArray, kindMap:
		return r.appendJSON(dst, off, jsonState{})
	default:
		end := next + t.size()
		return appendScalar(dst, t, r.chunk[next:end]), end, nil
	}
}

// appendScalar appends the text of anything but str, bin, array and map. It is
// pure ASCII without a byte that JSON would escape.
func appendScalar(dst []byte, t token, data []byte) []byte {
	switch t.kind {
	case kindBool:
		return strconv.AppendBool(dst, t.n != 0)
	case kindInt:
		return strconv.AppendInt(dst, int64(t.n), 10)
	case kindUint:
		return strconv.AppendUint(dst, t.n, 10)
	case kindFloat32:
		return appendFloat(dst, float64(math.Float32frombits(uint32(t.n))), 32)
	case kindFloat64:
		return appendFloat(dst, math.Float64frombits(t.n), 64)
	case kindExt:
		return appendExt(dst, t.ext, data)
	default:
		return append(dst, "null"...)
	}
}

// appendFloat appends the fewest digits that read back as the same float of
// that many bits: plain from 1e-6 up to 1e21, with an exponent outside, as
// JavaScript and encoding/json do (strconv's own 'g' would print a time in
// seconds as 1.7e+09).
func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	small, large := 1e-6, 1e21
	if bits == 32 {
		// The limits are compared at the float's own width, or 1e21 as a float32,
		// which is a little less, would be printed plain.
		small, large = float64(float32(small)), float64(float32(large))
	}
	if abs := math.Abs(f); abs == 0 || abs >= small && abs < large {
		return strconv.AppendFloat(dst, f, 'f', -1, bits)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, bits)
	// e-07 -> e-7
	if n := len(dst); dst[n-4] == 'e' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// appendExt appends times as RFC 3339 in UTC and all else as ext(TYPE):HEX.
//
//	Fluent Bit's EventTime: type 0, seconds uint32, nanoseconds uint32
//	msgpack's timestamp:    type -1, seconds uint32
//	                        | nanoseconds uint30, seconds uint34
//	                        | nanoseconds uint32, seconds int64
func appendExt(dst []byte, typ int8, data []byte) []byte {
	if at, ok := extTime(typ, data); ok {
		return at.AppendFormat(dst, time.RFC3339Nano)
	}
	dst = append(dst, "ext("...)
	dst = strconv.AppendInt(dst, int64(typ), 10)
	dst = append(dst, "):"...)
	return hex.AppendEncode(dst, data)
}

// lastYear is the first second RFC 3339 cannot write, 10000-01-01.
const lastYear = 253402300800

// firstYear is the first second it can write, 0000-01-01.
const firstYear = -62167219200

func extTime(typ int8, data []byte) (time.Time, bool) {
	var sec, nsec int64
	switch {
	case typ == 0 && len(data) == 8:
		sec = int64(binary.BigEndian.Uint32(data))
		nsec = int64(binary.BigEndian.Uint32(data[4:]))
	case typ == -1 && len(data) == 4:
		sec = int64(binary.BigEndian.Uint32(data))
	case typ == -1 && len(data) == 8:
		n := binary.BigEndian.Uint64(data)
		sec, nsec = int64(n&(1<<34-1)), int64(n>>34)
	case typ == -1 && len(data) == 12:
		nsec = int64(binary.BigEndian.Uint32(data))
		sec = int64(binary.BigEndian.Uint64(data[4:]))
	default:
		return time.Time{}, false
	}
	if nsec >= 1e9 || sec < firstYear || sec >= lastYear {
		return time.Time{}, false
	}
	return time.Unix(sec, nsec).UTC(), true
}
