package loggroup

import "bytes"

// LookupKeys finds several keys, no two alike, in the map that record begins with, in one
// walk. For each key in turn it appends to dst the value that Lookup would find, nil for
// none. A value is a window into record, or the guess where that is right. The result is
// false, and dst as it was, when record is no map or cannot be read.
//
// guesses are values that the keys probably have, such as those of the record before.
// They may be empty, or nil for none. A guess that is right saves the walk over the
// value.
func LookupKeys(dst [][]byte, record []byte, keys []string, guesses [][]byte) ([][]byte, bool) {
	t, off, err := readToken(record, 0)
	if err != nil || t.kind != kindMap {
		return dst, false
	}
	values := dst
	for range keys {
		values = append(values, nil)
	}
	found := values[len(dst):]
	for range t.n {
		key, value := -1, 0
		for i := range keys {
			var equal bool
			if equal, value = matchKey(record, off, keys[i]); value == 0 {
				return dst, false
			}
			if equal {
				key = i
				break
			}
		}
		// A msgpack value says itself where it ends. So bytes that begin with a whole
		// value are that value.
		if key >= 0 && key < len(guesses) && len(guesses[key]) > 0 && bytes.HasPrefix(record[value:], guesses[key]) {
			found[key], off = guesses[key], value+len(guesses[key])
			continue
		}
		if off = skipShort(record, value); off == 0 {
			return dst, false
		}
		if key >= 0 {
			found[key] = record[value:off:off]
		}
	}
	return values, true
}
