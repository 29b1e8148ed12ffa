package loggroup

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// appendText appends the text of the msgpack value at off, by the rules of the
// package comment, and returns the offset behind it.
func (r *Reader) appendText(dst []byte, off int) ([]byte, int, error) {
	t, next, err := readToken(r.chunk, off)
	if err != nil {
		return dst, off, err
	}
	switch t.kind {
	case kindStr:
		end := next + int(t.n)
		return appendValid(dst, r.chunk[next:end]), end, nil
	case kindBin:
		end := next + int(t.n)
		return appendBinary(dst, r.chunk[next:end]), end, nil
	case kindArray, kindMap:
		return r.appendJSON(dst, off, jsonState{})
	default:
		end := next + t.size()
		return appendScalar(dst, t, r.chunk[next:end]), end, nil
	}
}

// appendValueText is appendText for the value at off of a pair, whose key is at key.
func (r *Reader) appendValueText(dst []byte, key, off int) ([]byte, int, error) {
	if id, end := idAt(r.chunk, key, off); end > 0 {
		return hex.AppendEncode(dst, id), end, nil
	}
	return r.appendText(dst, off)
}

// appendBinary appends bytes as the text that they are, or else in base64.
func appendBinary(dst, data []byte) []byte {
	if utf8.Valid(data) {
		return append(dst, data...)
	}
	return base64.StdEncoding.AppendEncode(dst, data)
}

// idAt returns the OpenTelemetry id that the value at off is, and the offset behind it;
// 0 for any other value. The key of its pair is at key.
//
//	trace_id: bin of 16 bytes | span_id: bin of 8 bytes   (bin c4-c6)
func idAt(b []byte, key, off int) (id []byte, end int) {
	if off >= len(b) || b[off] < 0xc4 || b[off] > 0xc6 {
		return nil, 0
	}
	next := off + 1 + int(heads[b[off]-0xc0].size)
	if next > len(b) {
		return nil, 0
	}
	n := bigEndian(b[off+1 : next])
	name := idName(n)
	if isKey, _ := matchKey(b, key, name); name == "" || !isKey || n > uint64(len(b)-next) {
		return nil, 0
	}
	end = next + int(n)
	return b[next:end], end
}

// idName is the key that makes an id of n bytes, "" where none does.
func idName(n uint64) string {
	switch n {
	case 16:
		return "trace_id"
	case 8:
		return "span_id"
	}
	return ""
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

// RFC 3339 can write the seconds from beginYears up to endYears: 0000-01-01 to 9999-12-31.
const (
	beginYears = -62167219200
	endYears   = 253402300800
)

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
	if nsec >= 1e9 || sec < beginYears || sec >= endYears {
		return time.Time{}, false
	}
	return time.Unix(sec, nsec).UTC(), true
}
