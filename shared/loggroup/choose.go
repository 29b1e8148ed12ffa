package loggroup

import (
	"slices"
	"unicode/utf8"
)

// maxFlat bounds the bytes that flattening adds to the keys of one record. Many pairs
// below a long key would otherwise become contents of many times their size.
const maxFlat = 64 << 10

// begin starts a walk over pairs whose keys get prefix. Pairs without a prefix are the
// record's.
func (r *Reader) begin(prefix string) {
	r.path, r.flat = append(r.path[:0], prefix...), maxFlat
	r.renames = prefix == "" && r.opts.RenameReserved && !r.inMetadata
}

// appendPairs is appendContents with the filter of s, with the path before each key,
// and with nested maps flattened if that is asked for.
func (r *Reader) appendPairs(dst []byte, off, n int, s scope) ([]byte, int, error) {
	asIs := s.filter == nil && s.kept
	if asIs && len(r.path) == 0 && !r.flattens() {
		return r.appendContents(dst, off, n)
	}
	var err error
	for range n {
		if asIs {
			if out, next := r.appendPathStrings(dst, off); next > 0 {
				dst, off = out, next
				continue
			}
		}
		if dst, off, err = r.appendPair(dst, off, &s); err != nil {
			return dst, off, err
		}
	}
	return dst, off, nil
}

func (r *Reader) flattens() bool { return r.opts.Content != nil && r.opts.Content.flatten }

// appendPathStrings is appendTwoStrings with the path before the key.
func (r *Reader) appendPathStrings(dst []byte, off int) ([]byte, int) {
	if len(r.path) == 0 {
		return r.appendTwoStrings(dst, off)
	}
	key, off := shortString(r.chunk, off)
	value, end := shortString(r.chunk, off)
	if end == 0 || !utf8.Valid(key) || !utf8.Valid(value) {
		return dst, 0
	}
	keyLen := len(r.path) + len(key)
	size := 2 + varintSize(uint64(keyLen)) + varintSize(uint64(len(value))) + keyLen + len(value)
	p := len(dst)
	dst = slices.Grow(dst, size+1+maxVarintSize)
	d := dst[:cap(dst)]
	d[p] = tagContents
	p = putVarint(d, p+1, size)
	d[p] = tagKey
	p = putVarint(d, p+1, keyLen)
	start := p
	p += copy(d[p:], r.path)
	p += copy(d[p:], key)
	if r.renames && isReserved(d[start:p]) {
		return dst, 0
	}
	d[p] = tagValue
	p = putVarint(d, p+1, len(value))
	p += copy(d[p:], value)
	return d[:p], end
}

// shortString returns the str at off and the offset behind it. next is 0 for any other
// value, for some strs near the chunk's end, and for an off of 0, so that calls can be
// chained.
func shortString(b []byte, off int) (s []byte, next int) {
	if off == 0 || off >= len(b) {
		return nil, 0
	}
	start, n := off+1, int(b[off]^fixStr)
	if n > maxFixStr {
		start, n = longString(b, off)
	}
	if next = start + n; start == 0 || next > len(b) {
		return nil, 0
	}
	return b[start:next], next
}

// appendPair appends what s leaves of the pair at off and returns the offset behind
// it.
func (r *Reader) appendPair(dst []byte, off int, s *scope) ([]byte, int, error) {
	p, err := s.rule(r.chunk, off)
	if err != nil {
		return dst, off, err
	}
	isMap := isMapAt(r.chunk, p.value)
	if p.dropped || !p.kept && !isMap {
		end, err := skipAt(r.chunk, p.value)
		return dst, end, err
	}
	if isMap && r.flattens() && s.depth < maxDepth {
		out, end, err := r.appendFlat(dst, off, s.depth, p)
		// A map that is not flattened is JSON, and so is a kept one of which nothing is
		// left: {}.
		if err != nil || end > 0 && (len(out) > len(dst) || !p.kept) {
			return out, end, err
		}
	}
	if len(r.path) == 0 && p.below == nil {
		if out, next := r.appendTwoStrings(dst, off); next > 0 {
			return out, next, nil
		}
	}
	return r.appendPathContent(dst, off, s.depth, p)
}

// appendFlat appends the pairs of the map that is the value of the pair at off. It
// returns the offset behind that map, 0 for a map that is not flattened: it is empty, or
// too much.
func (r *Reader) appendFlat(dst []byte, off, depth int, p pairRule) (_ []byte, end int, err error) {
	t, first, err := readToken(r.chunk, p.value)
	if err != nil || t.n == 0 {
		return dst, 0, err
	}
	before := len(r.path)
	if r.path, _, err = r.appendText(r.path, off); err != nil {
		return dst, off, err
	}
	r.path = append(r.path, r.opts.Content.separator...)
	if left := r.flat; len(r.path)*int(t.n) <= left {
		r.flat -= len(r.path) * int(t.n)
		start := len(dst)
		dst, end, err = r.appendPairs(dst, first, int(t.n), scope{filter: p.below, kept: p.kept, depth: depth + 1})
		if len(dst) == start {
			r.flat = left
		}
	}
	r.path = r.path[:before]
	return dst, end, err
}

// appendPathContent appends the pair at off as one content. A map that is kept only for
// what is below it is left out when p leaves none of that.
func (r *Reader) appendPathContent(dst []byte, off, depth int, p pairRule) ([]byte, int, error) {
	before := dst
	dst = append(dst, tagContents)
	at := len(dst)
	dst = append(dst, 0, tagKey)
	key := len(dst)
	dst = append(append(dst, 0), r.path...)
	dst, _, err := r.appendText(dst, off)
	if err != nil {
		return dst, off, err
	}
	dst = r.renameKey(dst, key+1)
	dst, _ = putLen(dst, key, 1)
	dst = append(dst, tagValue)
	value := len(dst)
	dst = append(dst, 0)
	var end int
	switch {
	case p.below != nil && isMapAt(r.chunk, p.value):
		dst, end, err = r.appendChosenJSON(dst, p.value, depth, p)
		if !p.kept && len(dst) == value+1+len(emptyJSON) {
			return before, end, err
		}
	case depth > 0 && isNestedAt(r.chunk, p.value):
		dst, end, err = r.appendJSON(dst, p.value, jsonState{depth: depth})
	default:
		dst, end, err = r.appendValueText(dst, off, p.value)
	}
	if err != nil {
		return dst, end, err
	}
	dst, _ = putLen(dst, value, 1)
	dst, _ = putLen(dst, at, 1)
	return dst, end, nil
}

const emptyJSON = "{}"

// appendChosenJSON is appendJSON for a map of which only some pairs are sent. It calls
// itself only along paths, which are shorter than maxDepth.
func (r *Reader) appendChosenJSON(dst []byte, off, depth int, p pairRule) ([]byte, int, error) {
	t, off, err := readToken(r.chunk, off)
	if err != nil {
		return dst, off, err
	}
	s := scope{filter: p.below, kept: p.kept, depth: depth + 1}
	dst = append(dst, '{')
	start := len(dst)
	for range t.n {
		if dst, off, err = r.appendChosenMember(dst, off, start, &s); err != nil {
			return dst, off, err
		}
	}
	return append(dst, '}'), off, nil
}

// appendChosenMember appends what s leaves of the pair at off to a JSON object whose
// first member is at start.
func (r *Reader) appendChosenMember(dst []byte, off, start int, s *scope) ([]byte, int, error) {
	p, err := s.rule(r.chunk, off)
	if err != nil {
		return dst, off, err
	}
	isMap := isMapAt(r.chunk, p.value)
	if p.dropped || !p.kept && !isMap {
		end, err := skipAt(r.chunk, p.value)
		return dst, end, err
	}
	before := dst
	if len(dst) > start {
		dst = append(dst, ',')
	}
	js := jsonState{depth: s.depth}
	if dst, _, err = r.appendJSONKey(dst, off, js); err != nil {
		return dst, off, err
	}
	dst = append(dst, ':')
	if p.below == nil || !isMap {
		return r.appendMember(dst, off, p.value, js)
	}
	value := len(dst)
	dst, end, err := r.appendChosenJSON(dst, p.value, s.depth, p)
	if !p.kept && len(dst) == value+len(emptyJSON) {
		return before, end, err
	}
	return dst, end, err
}

// isMapAt tells whether the value at off, if there is one, is a map.
//
//	fixmap 80-8f | map 16 de | map 32 df
func isMapAt(b []byte, off int) bool {
	return off < len(b) && (b[off]&0xf0 == 0x80 || b[off]|1 == 0xdf)
}

// isNestedAt tells whether the value at off, if there is one, is an array or map.
//
//	fixmap 80-8f | fixarray 90-9f | array 16 dc | array 32 dd | map 16 de | map 32 df
func isNestedAt(b []byte, off int) bool {
	return off < len(b) && (b[off]&0xe0 == 0x80 || b[off]&0xfc == 0xdc)
}
