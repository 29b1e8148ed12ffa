package record

import (
	"encoding/binary"
	"math"
)

// The few forms of msgpack that chunks need, appended to dst. Written here and
// not taken from the plugins: what the one side gets wrong the other must notice.

// AppendMapHead appends the head of a map of n pairs.
func AppendMapHead(dst []byte, n int) []byte {
	if n < 16 {
		return append(dst, 0x80|byte(n))
	}
	return binary.BigEndian.AppendUint16(append(dst, 0xde), uint16(n))
}

func appendArrayHead(dst []byte, n int) []byte {
	if n < 16 {
		return append(dst, 0x90|byte(n))
	}
	return binary.BigEndian.AppendUint16(append(dst, 0xdc), uint16(n))
}

func appendBin(dst, b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(append(dst, 0xc5), uint16(len(b))), b...)
}

func appendInt(dst []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, 0xd3), uint64(v))
}

func appendFloat(dst []byte, v float64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, 0xcb), math.Float64bits(v))
}

func appendNil(dst []byte) []byte { return append(dst, 0xc0) }

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 0xc3)
	}
	return append(dst, 0xc2)
}

// appendEventTime appends ext type 0 of 8 bytes, as fixext 8 or in the longer
// form ext 8: engines have written both.
func appendEventTime(dst []byte, sec, nsec uint32, long bool) []byte {
	if long {
		dst = append(dst, 0xc7, 8, 0)
	} else {
		dst = append(dst, 0xd7, 0)
	}
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(dst, sec), nsec)
}
