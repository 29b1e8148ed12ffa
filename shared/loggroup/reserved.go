package loggroup

import (
	"slices"
	"strings"
)

// prefixRecord stands before the key of a record that would be one of the reserved
// names. It is reserved itself: no two keys become the same.
const prefixRecord = "__record__."

// Names beside those of group and position that mean something in SLS.
const (
	metaTimeNs   = "__time_ns_part__"
	metaOrigTime = "__orig_time__" // of out_sls: a log that was too old
)

// isReserved tells whether a content of that key is taken for something that SLS,
// in_sls or out_sls says of a log. SLS's own list is "Reserved fields" of its
// documents; its names for the line that a log was made of, __raw__ and __raw_log__,
// mean nothing else and stay.
func isReserved(key []byte) bool {
	if len(key) < len(posID) || key[0] != '_' || key[1] != '_' {
		return false
	}
	switch string(key) {
	case metaTopic, metaSource, metaTime, metaTimeNs, "__pack_meta__", "__partition_time__", "__extract_others__",
		posProject, posLogstore, posShard, posCursor, posID, metaOrigTime:
		return true
	}
	for _, prefix := range [...]string{metaTagPrefix, prefixMetadata, prefixGroup, prefixRecord} {
		if strings.HasPrefix(string(key), prefix) {
			return true
		}
	}
	return false
}

// renameKey puts prefixRecord before the key that dst[at:] is, if the walk renames such.
func (r *Reader) renameKey(dst []byte, at int) []byte {
	if !r.renames || !isReserved(dst[at:]) {
		return dst
	}
	n := len(dst)
	dst = slices.Grow(dst, len(prefixRecord))[:n+len(prefixRecord)]
	copy(dst[at+len(prefixRecord):], dst[at:n])
	copy(dst[at:], prefixRecord)
	return dst
}
