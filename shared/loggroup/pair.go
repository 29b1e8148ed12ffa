package loggroup

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Names of the group's metadata in a record, as SLS itself shows them.
const (
	metaTopic     = "__topic__"
	metaSource    = "__source__"
	metaTagPrefix = "__tag__:"
)

// readMeta collects the group's metadata, which may stand behind the Logs that are to
// carry it. It stops at what cannot be read: AppendEvents gets there and reports it.
func (d *Decoder) readMeta(group []byte) {
	var topic, source []byte
	for off := 0; off < len(group); {
		f, next, err := readField(group, off)
		if err != nil || checkGroupField(group[:next], off, f) != nil {
			break
		}
		switch f.number {
		case 3:
			topic = group[f.start:next]
		case 4:
			source = group[f.start:next]
		case 6:
			d.meta, _ = appendPair(d.meta, group[:next], off, f.start, metaTagPrefix)
			d.metaSize++
		}
		off = next
	}
	d.addMeta(metaTopic, topic)
	d.addMeta(metaSource, source)
}

func (d *Decoder) addMeta(key string, value []byte) {
	d.meta = appendStr(d.meta, "", []byte(key))
	d.meta = appendStr(d.meta, "", value)
	d.metaSize++
}

// checkGroupField checks a field of a LogGroup that is no Log. b ends with the field.
func checkGroupField(b []byte, off int, f field) error {
	if f.number > 6 {
		return nil
	}
	if f.wire != wireBytes {
		return corrupt(off, reasonWireType)
	}
	if f.number == 6 {
		_, _, err := readPair(b, off, f.start)
		return err
	}
	return nil
}

// appendUsual appends the LogContent at off as a key and a value if it is a usual one:
// key and then value, both valid UTF-8, the key below 128 bytes, the value below 16 KiB.
// It returns 0 for any other field, and for one too near the group's end. The Log ends at
// end. Like appendStrings it is in one piece.
//
//	12 length { 0a length key 12 length value }
func appendUsual(dst, group []byte, off, end int) ([]byte, int) {
	if len(group)-off < 2*slack || group[off] != tagContents {
		return dst, 0
	}
	size, at := shortVarint(group, off+1)
	next := at + size
	if size < 4 || next > end || next > len(group)-slack || group[at] != tagKey || group[at+1] >= 0x80 {
		return dst, 0
	}
	key, keyLen := at+2, int(group[at+1])
	at = key + keyLen
	if at > next-2 || group[at] != tagValue {
		return dst, 0
	}
	valueLen, value := shortVarint(group, at+1)
	if value+valueLen != next {
		return dst, 0
	}

	p := len(dst)
	if cap(dst)-p < size+2*maxStrHead+slack {
		dst = slices.Grow(dst, size+2*maxStrHead+slack)
	}
	d := dst[:cap(dst)]
	p = putStrHead(d, p, keyLen)
	seen := copyText(d, p, group, key, keyLen)
	if seen&highBits != 0 && !utf8.Valid(group[key:at]) {
		return dst, 0
	}
	p = putStrHead(d, p+keyLen, valueLen)
	seen = copyText(d, p, group, value, valueLen)
	if seen&highBits != 0 && !utf8.Valid(group[value:next]) {
		return dst, 0
	}
	return d[:p+valueLen], next
}

// shortVarint reads a varint of one or two bytes and returns the offset behind it;
// -1 for a longer one. Two bytes must be there.
func shortVarint(b []byte, off int) (n, next int) {
	n = int(b[off])
	if n < 0x80 {
		return n, off + 1
	}
	n = n&0x7f | int(b[off+1])<<7
	if n < 1<<14 {
		return n, off + 2
	}
	return -1, off
}

// maxStrHead is the most a str's head takes.
const maxStrHead = 5

// putStrHead writes the head of a str of less than 64 KiB at b[p:], which has room,
// and returns the offset behind it.
//
//	fixstr a0-bf | str 8 d9 | str 16 da
func putStrHead(b []byte, p, n int) int {
	if n <= maxFixStr {
		b[p] = fixStr | byte(n)
		return p + 1
	}
	if n <= math.MaxUint8 {
		b[p], b[p+1] = 0xd9, byte(n)
		return p + 2
	}
	b[p], b[p+1], b[p+2] = 0xda, byte(n>>8), byte(n)
	return p + 3
}

// appendPair appends a LogContent or LogTag as a key and a value. Its own tag is at off;
// its fields begin at body and end with b.
func appendPair(dst, b []byte, off, body int, prefix string) ([]byte, error) {
	key, value, err := readPair(b, off, body)
	if err != nil {
		return dst, err
	}
	dst = appendStr(dst, prefix, key)
	return appendStr(dst, "", value), nil
}

// readPair reads a LogContent or LogTag. The last of several keys or values
// counts, as in every protobuf decoder.
//
//	message LogContent { required string Key = 1; required string Value = 2; }
//	message LogTag { required string Key = 1; required string Value = 2; }
func readPair(b []byte, off, body int) (key, value []byte, err error) {
	for at := body; at < len(b); {
		f, next, err := readField(b, at)
		if err != nil {
			return nil, nil, err
		}
		if f.number <= 2 && f.wire != wireBytes {
			return nil, nil, corrupt(at, reasonWireType)
		}
		switch f.number {
		case 1:
			key = b[f.start:next]
		case 2:
			value = b[f.start:next]
		}
		at = next
	}
	switch {
	case key == nil:
		return nil, nil, corrupt(off, reasonNoKey)
	case value == nil:
		return nil, nil, corrupt(off, reasonNoValue)
	}
	return key, value, nil
}

// appendStr appends prefix and text as one str, repaired where it is no UTF-8.
//
//	fixstr a0-bf | str 8 d9 | str 16 da | str 32 db
func appendStr(dst []byte, prefix string, text []byte) []byte {
	if !utf8.Valid(text) {
		// Not on the steady path: SLS refuses what is no UTF-8 when it is written.
		text = []byte(strings.ToValidUTF8(string(text), replacement))
	}
	switch n := len(prefix) + len(text); {
	case n < 32:
		dst = append(dst, 0xa0|byte(n))
	case n <= math.MaxUint8:
		dst = append(dst, 0xd9, byte(n))
	case n <= math.MaxUint16:
		dst = append(dst, 0xda, byte(n>>8), byte(n))
	default:
		dst = append(dst, 0xdb)
		dst = binary.BigEndian.AppendUint32(dst, uint32(n))
	}
	dst = append(dst, prefix...)
	return append(dst, text...)
}
