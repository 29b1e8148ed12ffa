package loggroup

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"
)

// Field tags of log.proto in the SDK (aliyun-log-go-sdk): number << 3 | wire type.
const (
	tagLogs       = 0x0a // LogGroup.Logs, LogGroupList.LogGroups
	tagTopic      = 0x1a // LogGroup.Topic
	tagSource     = 0x22 // LogGroup.Source
	tagLogTags    = 0x32 // LogGroup.LogTags
	tagTime       = 0x08 // Log.Time
	tagContents   = 0x12 // Log.Contents
	tagTimeNs     = 0x25 // Log.TimeNs
	tagKey        = 0x0a // LogContent.Key, LogTag.Key
	tagValue      = 0x12 // LogContent.Value, LogTag.Value
	maxVarintSize = binary.MaxVarintLen64
)

// appendLog appends the event at r.head and returns the offset behind it.
//
//	message LogGroup { repeated Log Logs = 1; ... }
//	message Log { required uint32 Time = 1; repeated LogContent Contents = 2; optional fixed32 TimeNs = 4; }
func (r *Reader) appendLog(dst []byte) ([]byte, int, error) {
	r.large = 0
	dst = append(dst, tagLogs)
	at := len(dst)
	// The Log's length comes before it and is known after it. Records of a chunk
	// are alike, so the room the last one took is nearly always right; where it
	// is not, putLen moves the Log by a byte or two.
	dst = append(dst, noLen[:r.lenSize]...)
	dst = append(dst, tagTime)
	dst = binary.AppendUvarint(dst, uint64(r.head.sec))
	var end int
	var err error
	if r.opts.Content == nil {
		r.renames = r.opts.RenameReserved
		dst, end, err = r.appendContents(dst, r.head.first, r.head.pairs)
		dst = append(dst, r.group...)
	} else {
		dst, end, err = r.appendChosen(dst, r.opts.Content)
	}
	if err != nil {
		return dst, end, err
	}
	if !r.noTimeNs {
		dst = append(dst, tagTimeNs)
		dst = binary.LittleEndian.AppendUint32(dst, r.head.nsec)
	}
	dst, r.lenSize = putLen(dst, at, r.lenSize)
	return dst, end, nil
}

// appendContents appends n pairs of a map from off on, and returns the offset behind the
// last.
//
//	message LogContent { required string Key = 1; required string Value = 2; }
func (r *Reader) appendContents(dst []byte, off, n int) ([]byte, int, error) {
	var err error
	for {
		done := 0
		if dst, off, done = appendStrings(dst, r.chunk, off, n, r.renames); done == n {
			return dst, off, nil
		}
		if dst, off, err = r.appendContent(dst, off); err != nil {
			return dst, off, err
		}
		n -= done + 1
	}
}

// appendStrings appends up to n pairs from off on, as long as both key and value are
// strings of valid UTF-8. This is the steady path; it is in one piece because calls would
// take a fifth of its time. It returns the offset behind the last pair and how many it
// appended. It stops before any other pair, before one too near the chunk's end, and with
// renames before one whose key is reserved.
func appendStrings(dst, b []byte, off, n int, renames bool) (out []byte, next, done int) {
	p, d := len(dst), dst[:cap(dst)]
	for ; done < n && uint(off) < uint(len(b)); done++ {
		key, keyLen := off+1, int(b[off]^fixStr)
		if keyLen > maxFixStr {
			key, keyLen = longString(b, off)
		}
		at := key + keyLen
		if uint(at) >= uint(len(b)) || key == 0 {
			break
		}
		value, valueLen := at+1, int(b[at]^fixStr)
		if valueLen > maxFixStr {
			value, valueLen = longString(b, at)
		}
		end := value + valueLen
		if end > len(b)-slack || value == 0 {
			break
		}

		size := 4 + keyLen + valueLen
		if keyLen|valueLen >= 0x80 {
			size += varintSize(uint64(keyLen)) + varintSize(uint64(valueLen)) - 2
		}
		if len(d)-p < size+1+maxVarintSize+slack {
			d = slices.Grow(d[:p], size+1+maxVarintSize+slack)
			d = d[:cap(d)]
		}
		q := putHeads(d, p, size, keyLen)
		seen := copyText(d, q, b, key, keyLen)
		if seen&highBits != 0 && !utf8.Valid(b[key:at]) {
			break
		}
		if d[q] == '_' && renames && isReserved(b[key:at]) {
			break
		}
		q += keyLen
		d[q] = tagValue
		q = putVarint(d, q+1, valueLen)
		seen = copyText(d, q, b, value, valueLen)
		if seen&highBits != 0 && !utf8.Valid(b[value:end]) {
			break
		}
		p, off = q+valueLen, end
	}
	return d[:p], off, done
}

// appendTwoStrings is appendStrings for one pair; next is 0 when it appended none.
func (r *Reader) appendTwoStrings(dst []byte, off int) (_ []byte, next int) {
	out, next, done := appendStrings(dst, r.chunk, off, 1, r.renames)
	if done == 0 {
		return dst, 0
	}
	return out, next
}

// putHeads writes at b[p:], which has room, what stands before a key: tag and size of
// the content, tag and size of the key.
func putHeads(b []byte, p, size, keyLen int) int {
	if size < 0x80 {
		h := b[p : p+4 : p+4]
		h[0], h[1], h[2], h[3] = tagContents, byte(size), tagKey, byte(keyLen)
		return p + 4
	}
	b[p] = tagContents
	p = putVarint(b, p+1, size)
	b[p] = tagKey
	return putVarint(b, p+1, keyLen)
}

// A fixstr's first byte is fixStr plus its length.
const (
	fixStr    = 0xa0
	maxFixStr = 0x1f
)

// longString returns where the bytes of the str at off begin and how many it declares,
// for the forms longer than fixstr; 0, 0 for anything else. The caller checks that so
// many bytes are there.
//
//	str 8 d9 | str 16 da | str 32 db
func longString(b []byte, off int) (start, n int) {
	if len(b)-off < 5 {
		return 0, 0
	}
	switch b[off] {
	case 0xd9:
		return off + 2, int(b[off+1])
	case 0xda:
		return off + 3, int(binary.BigEndian.Uint16(b[off+1:]))
	case 0xdb:
		return off + 5, int(binary.BigEndian.Uint32(b[off+1:]))
	}
	return 0, 0
}

// appendNewContent appends any pair.
func (r *Reader) appendNewContent(dst []byte, off int) ([]byte, int, error) {
	dst = append(dst, tagContents)
	at := len(dst)
	dst = append(dst, 0, tagKey)
	key := len(dst)
	dst, value, err := r.appendText(append(dst, 0), off)
	if err != nil {
		return dst, off, err
	}
	dst = r.renameKey(dst, key+1)
	dst, _ = putLen(dst, key, 1)
	dst = append(dst, tagValue)
	text := len(dst)
	dst, end, err := r.appendValueText(append(dst, 0), off, value)
	if err != nil {
		return dst, off, err
	}
	dst, _ = putLen(dst, text, 1)
	dst, _ = putLen(dst, at, 1)
	return dst, end, nil
}

// Tag is one of a LogGroup's tags.
type Tag struct {
	Key, Value string
}

// AppendGroupFields appends the fields of a LogGroup that stand beside its Logs:
// topic, source and tags, in this order; an empty topic or source is left out.
// Invalid UTF-8 is repaired.
//
//	message LogGroup { ... optional string Topic = 3; optional string Source = 4; repeated LogTag LogTags = 6; }
//	message LogTag { required string Key = 1; required string Value = 2; }
func AppendGroupFields(dst []byte, topic, source string, tags []Tag) []byte {
	if topic != "" {
		dst = appendStringField(dst, tagTopic, topic)
	}
	if source != "" {
		dst = appendStringField(dst, tagSource, source)
	}
	for _, t := range tags {
		dst = append(dst, tagLogTags)
		at := len(dst)
		dst = append(dst, 0)
		dst = appendStringField(dst, tagKey, t.Key)
		dst = appendStringField(dst, tagValue, t.Value)
		dst, _ = putLen(dst, at, 1)
	}
	return dst
}
