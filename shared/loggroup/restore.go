package loggroup

import (
	"math"
	"strings"
	"unicode/utf8"
)

// Restored is what an event says about the group it came from, as IncludeMeta of a
// Decoder has added it. Its slices must not be changed; they are valid until the Reader
// moves on, and as long as the chunk.
type Restored struct {
	// Topic and Source are nil when the event has none.
	Topic, Source []byte
	// Tags are the group's tags in their order, encoded as its fields, as
	// AppendGroupFields does; empty when there are none.
	Tags []byte
}

// Any tells whether there is anything.
func (m *Restored) Any() bool {
	return m.Topic != nil || m.Source != nil || len(m.Tags) > 0
}

// metaTime is SLS's name for a log's own time in a record.
const metaTime = "__time__"

// SLS's limits for the fields of a group; package route has them, too. A longer text
// cannot have come from a group. It stays in the record, because SLS would refuse the
// group. The bound of all tags together is ours, about the size of a record.
const (
	maxRestoredText = 128  // topic, source, a tag's key
	maxRestoredTag  = 1024 // a tag's value
	maxRestoredTags = 16 << 10
)

// taken is a pair that was taken out of its map and becomes no content.
type taken struct {
	index int // of the map's pairs, from 0
	end   int // offset behind it
}

// restore takes what IncludeMeta adds out of the event at r.head. Only in_sls writes it
// into the metadata: the record then has the contents as they were in SLS.
func (r *Reader) restore(from Restore) {
	if h := &r.head; h.metaEnd > h.meta+1 {
		// readHead has walked the metadata: its head is there.
		t, first, _ := readToken(r.chunk, h.meta)
		r.noTimeNs = true
		r.takenMeta = r.take(r.takenMeta, first, int(t.n), true)
		r.inMetadata = r.restored.Any()
		r.noTimeNs = r.noTimeNs && r.inMetadata && r.head.nsec == 0
	}
	if from == RestoreRecord && !r.inMetadata {
		r.taken = r.take(r.taken, r.head.first, r.head.pairs, false)
	}
}

// take goes through n pairs from off on and appends to list which of them it took. It
// stops at what cannot be read; the walk over the contents reports that.
func (r *Reader) take(list []taken, off, n int, trusted bool) []taken {
	for i := range n {
		key, value, err := readKey(r.chunk, off)
		if err != nil {
			return list
		}
		if off = skipShort(r.chunk, value); off == 0 {
			return list
		}
		// Any other record costs a look at the first bytes of its keys.
		if len(key) < len(metaTime) || key[0] != '_' || key[1] != '_' {
			continue
		}
		if r.restorePair(key, value, trusted) {
			list = append(list, taken{index: i, end: off})
		}
	}
	return list
}

// restorePair takes note of a pair that is metadata of a group and is false for any
// other. Its value, at off, can be read. A trusted pair has come from a group, whatever
// its size.
func (r *Reader) restorePair(key []byte, off int, trusted bool) bool {
	if string(key) == metaTime {
		return r.restoreTime(off)
	}
	text, _, err := readKey(r.chunk, off)
	if err != nil || text == nil || !utf8.Valid(text) {
		return false
	}
	m, fits := &r.restored, trusted || len(text) <= maxRestoredText
	switch {
	case string(key) == metaTopic && fits:
		m.Topic = text
	case string(key) == metaSource && fits:
		m.Source = text
	case string(key) == metaTimeNs && trusted:
		r.noTimeNs = false
	case strings.HasPrefix(string(key), metaTagPrefix):
		return m.addTag(key[len(metaTagPrefix):], text, trusted)
	default:
		return false
	}
	return true
}

// addTag is false for what does not fit a tag.
//
//	message LogTag { required string Key = 1; required string Value = 2; }
func (m *Restored) addTag(key, value []byte, trusted bool) bool {
	fits := len(key) > 0 && len(key) <= maxRestoredText && len(value) <= maxRestoredTag &&
		len(m.Tags)+len(key)+len(value) <= maxRestoredTags
	if !utf8.Valid(key) || !trusted && !fits {
		return false
	}
	m.Tags = append(m.Tags, tagLogTags)
	at := len(m.Tags)
	m.Tags = append(m.Tags, 0)
	m.Tags = appendBytesField(m.Tags, tagKey, key)
	m.Tags = appendBytesField(m.Tags, tagValue, value)
	m.Tags, _ = putLen(m.Tags, at, 1)
	return true
}

// restoreTime makes the value at off the event's time, if it is one that a Log can
// hold: a number of seconds, or the text of one.
func (r *Reader) restoreTime(off int) bool {
	t, next, err := readToken(r.chunk, off)
	if err != nil {
		return false
	}
	var sec int64
	var nsec uint32
	ok := true
	switch t.kind {
	case kindStr:
		sec, nsec, ok = parseTime(r.chunk[next : next+int(t.n)])
	case kindInt:
		sec = int64(t.n)
	case kindUint:
		sec = int64(min(t.n, math.MaxInt64))
	case kindFloat32:
		sec, nsec, ok = parseFloatTime(float64(math.Float32frombits(uint32(t.n))))
	case kindFloat64:
		sec, nsec, ok = parseFloatTime(math.Float64frombits(t.n))
	default:
		return false
	}
	if !ok || sec < 0 || sec > maxSec {
		return false
	}
	r.head.sec, r.head.nsec = sec, nsec
	return true
}

// parseFloatTime is floatTime, but refuses negative times and NaN.
func parseFloatTime(f float64) (sec int64, nsec uint32, ok bool) {
	if !(f >= 0) { // NaN, too
		return 0, 0, false
	}
	sec, nsec = floatTime(f)
	return sec, nsec, true
}

// parseTime reads a text of seconds since 1970.
//
//	time = digits [ "." digits ]   (1 to 10, 1 to 9 of them)
func parseTime(text []byte) (sec int64, nsec uint32, ok bool) {
	const secDigits, nsecDigits = 10, 9
	whole, rest := parseDigits(text)
	digits := len(text) - len(rest)
	if digits == 0 || digits > secDigits {
		return 0, 0, false
	}
	if len(rest) == 0 {
		return whole, 0, true
	}
	frac, end := parseDigits(rest[1:])
	digits = len(rest) - 1 - len(end)
	if rest[0] != '.' || len(end) > 0 || digits == 0 || digits > nsecDigits {
		return 0, 0, false
	}
	for range nsecDigits - digits {
		frac *= 10
	}
	return whole, uint32(frac), true
}

// parseDigits reads the digits that text begins with. The number is right for up to 18 of
// them.
func parseDigits(text []byte) (n int64, rest []byte) {
	for len(text) > 0 && text[0] >= '0' && text[0] <= '9' {
		n = 10*n + int64(text[0]-'0')
		text = text[1:]
	}
	return n, text
}
