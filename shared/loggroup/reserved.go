package loggroup

import (
	"slices"
	"strings"
)

// prefixRecord goes before a record's key that is a reserved name. It is reserved itself:
// no two keys become the same.
const prefixRecord = "__record__."

// Names beside those of group and position that mean something in SLS.
const (
	metaTimeNs   = "__time_ns_part__"
	metaOrigTime = "__orig_time__" // of out_sls: a log that was too old
)

// isReserved tells whether SLS, in_sls or out_sls uses that key for what it says about a
// log. SLS's own list is "Reserved fields" of its documents. Two of that list are not
// reserved here, __raw__ and __raw_log__: they name the line that a log was made of, and
// mean the same in a record.
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

// renameKey puts prefixRecord before the key at dst[at:], if that is reserved and the
// walk renames.
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
