package slsfake

import (
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// The messages (proto2, sls-protocol: package sls):
//
//	LogContent { required string Key = 1; required string Value = 2 }
//	Log        { required uint32 Time = 1; repeated LogContent Contents = 2; optional fixed32 TimeNs = 4 }
//	LogTag     { required string Key = 1; required string Value = 2 }
//	LogGroup   { repeated Log Logs = 1; optional string Category = 2, Topic = 3, Source = 4, MachineUUID = 5;
//	             repeated LogTag LogTags = 6 }
//
// This file verifies and reads them on its own, independent of the project's
// codec: what the one got wrong the other must notice. Unknown fields are
// skipped, as the service does; a known field of the wrong wire type is not.

// Tags (number<<3 | wire type) of the known fields.
const (
	tagVarint1  = 1 << 3 // wire type 0
	tagVarint2  = 2 << 3
	tagVarint3  = 3 << 3
	tagBytes1   = 1<<3 | 2
	tagBytes2   = 2<<3 | 2
	tagBytes3   = 3<<3 | 2
	tagBytes4   = 4<<3 | 2
	tagBytes5   = 5<<3 | 2
	tagBytes6   = 6<<3 | 2
	tagFixed32  = 4<<3 | 5
	maxNanosec  = 999_999_999
	wireTypeLen = 2
)

// nextField splits the first field off b. val is the payload of a
// length-delimited field and the encoded value of any other.
func nextField(b []byte) (tag uint64, val, rest []byte, ok bool) {
	// Nearly every field of a log has a one-byte tag and a one-byte length.
	if len(b) >= 2 && b[0] >= 8 && b[0] < 0x80 && b[0]&7 == wireTypeLen && b[1] < 0x80 {
		n := 2 + int(b[1])
		if n > len(b) {
			return 0, nil, nil, false
		}
		return uint64(b[0]), b[2:n:n], b[n:], true
	}
	num, typ, n := protowire.ConsumeTag(b)
	if n < 0 {
		return 0, nil, nil, false
	}
	tag, b = protowire.EncodeTag(num, typ), b[n:]
	if typ == protowire.BytesType {
		v, n := protowire.ConsumeBytes(b)
		if n < 0 {
			return 0, nil, nil, false
		}
		return tag, v[:len(v):len(v)], b[n:], true
	}
	n = protowire.ConsumeFieldValue(num, typ, b)
	if n < 0 {
		return 0, nil, nil, false
	}
	return tag, b[:n:n], b[n:], true
}

// groupLimits are what verifyGroup holds a group against.
type groupLimits struct {
	maxLogs, maxLogSize int // 0 = no limit
}

// groupFacts are what verifyGroup learns on the way.
type groupFacts struct {
	logs             int
	noValue          int // contents and tags without a Value
	minTime, maxTime uint32
}

// verifyGroup checks one encoded LogGroup: not empty, well formed, every required
// field but Value there, UTF-8 in every string, within the limits. It does not
// allocate unless it fails.
func verifyGroup(b []byte, lim groupLimits) (groupFacts, *apiError) {
	var f groupFacts
	if len(b) == 0 {
		return f, fail(codePostBodyInvalid, "log group is empty")
	}
	for len(b) > 0 {
		tag, val, rest, ok := nextField(b)
		if !ok {
			return f, fail(codePostBodyInvalid, "log group: malformed field after log %d", f.logs)
		}
		b = rest
		switch tag {
		case tagBytes1:
			f.logs++
			if lim.maxLogs > 0 && f.logs > lim.maxLogs {
				return f, fail(codePostBodyTooLarge, "log group has more than %d logs", lim.maxLogs)
			}
			if lim.maxLogSize > 0 && len(val) > lim.maxLogSize {
				return f, fail(codePostBodyTooLarge, "log %d has %d bytes, more than %d", f.logs-1, len(val), lim.maxLogSize)
			}
			t, noValue, err := verifyLog(val)
			f.noValue += noValue
			if err != nil {
				err.message = fmt.Sprintf("log %d: %s", f.logs-1, err.message)
				return f, err
			}
			if f.logs == 1 {
				f.minTime, f.maxTime = t, t
			}
			f.minTime, f.maxTime = min(f.minTime, t), max(f.maxTime, t)
		case tagBytes2, tagBytes3, tagBytes4, tagBytes5:
			if !utf8.Valid(val) {
				return f, fail(codeInvalidEncoding, "log group: field %d is not UTF-8", tag>>3)
			}
		case tagBytes6:
			hasValue, err := verifyPair(val, "tag")
			if err != nil {
				return f, err
			}
			if !hasValue {
				f.noValue++
			}
		default:
			if num := tag >> 3; num <= 6 {
				return f, fail(codePostBodyInvalid, "log group: field %d has wire type %d", num, tag&7)
			}
		}
	}
	return f, nil
}

// verifyLog checks one encoded Log and returns its time and how many of its
// contents have no Value.
func verifyLog(b []byte) (t uint32, noValue int, err *apiError) {
	hasTime := false
	for len(b) > 0 {
		tag, val, rest, ok := nextField(b)
		if !ok {
			return 0, 0, fail(codePostBodyInvalid, "malformed field")
		}
		b = rest
		switch tag {
		case tagVarint1:
			v, n := protowire.ConsumeVarint(val)
			if n < 0 || v>>32 != 0 {
				return 0, 0, fail(codePostBodyInvalid, "time %d is no uint32", v)
			}
			t, hasTime = uint32(v), true
		case tagBytes2:
			hasValue, err := verifyPair(val, "content")
			if err != nil {
				return 0, 0, err
			}
			if !hasValue {
				noValue++
			}
		case tagFixed32:
			if v, _ := protowire.ConsumeFixed32(val); v > maxNanosec {
				return 0, 0, fail(codeInvalidTimestamp, "nanoseconds %d are more than a second", v)
			}
		default:
			if num := tag >> 3; num == 1 || num == 2 || num == 4 {
				return 0, 0, fail(codePostBodyInvalid, "field %d has wire type %d", num, tag&7)
			}
		}
	}
	if !hasTime {
		return 0, 0, fail(codePostBodyInvalid, "required field Time is missing")
	}
	return t, noValue, nil
}

// verifyPair checks one encoded LogContent or LogTag. Its Value may be left out.
func verifyPair(b []byte, what string) (hasValue bool, err *apiError) {
	hasKey := false
	for len(b) > 0 {
		tag, val, rest, ok := nextField(b)
		if !ok {
			return false, fail(codePostBodyInvalid, "%s: malformed field", what)
		}
		b = rest
		switch tag {
		case tagBytes1, tagBytes2:
			if !utf8.Valid(val) {
				return false, fail(codeInvalidEncoding, "%s: %q is not UTF-8", what, clip(val))
			}
			hasKey = hasKey || tag == tagBytes1
			hasValue = hasValue || tag == tagBytes2
		default:
			if num := tag >> 3; num <= 2 {
				return false, fail(codePostBodyInvalid, "%s: field %d has wire type %d", what, num, tag&7)
			}
		}
	}
	if !hasKey {
		return false, fail(codePostBodyInvalid, "%s: required field Key is missing", what)
	}
	return hasValue, nil
}

// completeGroup is a verified group in which each pair without a Value has an
// empty one. All else is as it was, in the same order.
func completeGroup(b []byte) []byte {
	return mapFields(b, func(tag uint64, val []byte) []byte {
		switch tag {
		case tagBytes1:
			return mapFields(val, func(tag uint64, val []byte) []byte {
				if tag == tagBytes2 {
					return completePair(val)
				}
				return val
			})
		case tagBytes6:
			return completePair(val)
		}
		return val
	})
}

// mapFields puts fn's result in the place of each length-delimited field's payload.
func mapFields(b []byte, fn func(tag uint64, val []byte) []byte) []byte {
	out := make([]byte, 0, len(b)+64)
	for len(b) > 0 {
		tag, val, rest, ok := nextField(b)
		if !ok {
			return append(out, b...)
		}
		out = protowire.AppendVarint(out, tag)
		if tag&7 == wireTypeLen {
			out = protowire.AppendBytes(out, fn(tag, val))
		} else {
			out = append(out, val...)
		}
		b = rest
	}
	return out
}

func completePair(b []byte) []byte {
	for rest := b; len(rest) > 0; {
		tag, _, next, ok := nextField(rest)
		if !ok || tag == tagBytes2 {
			return b
		}
		rest = next
	}
	return append(b[:len(b):len(b)], tagBytes2, 0)
}

// clip keeps error messages short.
func clip(b []byte) []byte { return b[:min(len(b), 64)] }
