package loggroup

import "encoding/hex"

// Step is one step of a path into a record: a key of a map or, with IsIndex, an
// index of an array.
type Step struct {
	Key     string
	Index   int // from 0
	IsIndex bool
}

// Lookup follows path from the msgpack value that record begins with. It returns the
// value that the path leads to, in msgpack: a window into record. ok is false when a step
// leads nowhere, and when anything of that first value cannot be read.
//
// Only keys that are str match, byte by byte, and of several pairs with the same
// key the last counts: as in Fluent Bit's record accessor (ra_key_val_id). Unlike
// there, a key below something that is no map leads nowhere, not to that something.
//
// It allocates only when record cannot be read.
func Lookup(record []byte, path []Step) (value []byte, ok bool) {
	start, end := 0, len(record)
	for i := range path {
		if start, end = path[i].follow(record[:end], start); end == 0 {
			return nil, false
		}
	}
	if len(path) == 0 {
		end = skipShort(record, 0)
	}
	return record[start:end:end], end > 0
}

// IsNil tells whether value, as Lookup returns it, is nil.
func IsNil(value []byte) bool { return len(value) == 1 && value[0] == 0xc0 }

// AppendText appends the text of the msgpack value that value begins with, by the rules
// of the package comment for a record's values. key is the key of its pair, "" for an
// element of an array. The error is a *CorruptError; dst is then returned as it was.
func AppendText(dst []byte, key string, value []byte) ([]byte, error) {
	r := Reader{chunk: value}
	if t, next, err := readToken(value, 0); err == nil && t.kind == kindBin && key != "" && key == idName(t.n) {
		return hex.AppendEncode(dst, value[next:next+int(t.n)]), nil
	}
	out, _, err := r.appendText(dst, 0)
	if err != nil {
		return dst, err
	}
	return out, nil
}

// follow takes the step s from the value at off, with which b ends. It returns where the
// value it leads to begins and ends; 0, 0 when there is none.
func (s *Step) follow(b []byte, off int) (start, end int) {
	t, off, err := readToken(b, off)
	switch {
	case err != nil:
		return 0, 0
	case !s.IsIndex && t.kind == kindMap:
		return findKey(b, off, t.n, s.Key)
	case s.IsIndex && t.kind == kindArray && s.Index >= 0 && uint64(s.Index) < t.n:
		return findElement(b, off, t.n, s.Index)
	}
	return 0, 0
}

// findElement returns the i-th of n elements from off on.
func findElement(b []byte, off int, n uint64, i int) (start, end int) {
	for at := range n {
		next := skipShort(b, off)
		if next == 0 {
			return 0, 0
		}
		if at == uint64(i) {
			start, end = off, next
		}
		off = next
	}
	return start, end
}

// findKey returns the value of the last pair that has the given key, of n pairs from off
// on.
func findKey(b []byte, off int, n uint64, key string) (start, end int) {
	for range n {
		isKey, value := matchKey(b, off, key)
		if value == 0 {
			return 0, 0
		}
		if off = skipShort(b, value); off == 0 {
			return 0, 0
		}
		if isKey {
			start, end = value, off
		}
	}
	return start, end
}

// matchKey compares the key at off and returns the offset behind it, 0 when it
// cannot be read.
func matchKey(b []byte, off int, key string) (equal bool, next int) {
	if off < len(b) && b[off]&^maxFixStr == fixStr {
		next = off + 1 + int(b[off]&maxFixStr)
		if next > len(b) {
			return false, 0
		}
		return string(b[off+1:next]) == key, next
	}
	t, at, err := readToken(b, off)
	if err != nil {
		return false, 0
	}
	if t.kind != kindStr {
		return false, skipShort(b, off)
	}
	next = at + int(t.n)
	return string(b[at:next]) == key, next
}

// skipShort is skip, with the usual values of records handled in place. It returns 0 for
// what cannot be read.
func skipShort(b []byte, off int) int {
	for pending := 1; pending > 0; pending-- {
		// Up to the last byte but one, so that the length of a str 8 is there.
		if off < len(b)-1 {
			c := b[off]
			switch {
			case c < 0x80, c >= 0xe0: // fixint
				off++
				continue
			case c < 0x90: // fixmap
				off++
				pending += 2 * int(c&0x0f)
				continue
			case c < fixStr: // fixarray
				off++
				pending += int(c & 0x0f)
				continue
			case c <= fixStr|maxFixStr:
				off += 1 + int(c&maxFixStr)
				continue
			case c == 0xd9: // str 8
				off += 2 + int(b[off+1])
				continue
			}
		}
		t, next, err := readToken(b, off)
		if err != nil {
			return 0
		}
		switch t.kind {
		case kindArray:
			pending += int(t.n)
		case kindMap:
			pending += 2 * int(t.n)
		default:
			next += t.size()
		}
		off = next
	}
	if off > len(b) {
		return 0
	}
	return off
}
