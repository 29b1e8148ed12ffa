package loggroup

import (
	"encoding/binary"
	"iter"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of Log and LogContent (log.proto of the SDK), for what is read and
// written seldom.
const (
	fieldLogs     = 1
	fieldTime     = 1
	fieldContents = 2
	fieldTimeNs   = 4
	fieldKey      = 1
	fieldValue    = 2
)

// LogsSize is the size in bytes of the first n Logs of b, which a Reader has appended.
func LogsSize(b []byte, n int) int {
	at := 0
	for range n {
		size, err := NextLog(b[at:])
		if err != nil {
			return len(b) // not reached: a Reader wrote it
		}
		at += size
	}
	return at
}

// EachLog walks the Logs of b, which a Reader has appended, with their numbers from 0. Each
// has its tag and length.
func EachLog(b []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for i := 0; len(b) > 0; i++ {
			size := LogsSize(b, 1)
			if !yield(i, b[:size]) {
				return
			}
			b = b[size:]
		}
	}
}

// LogTime is the time in seconds of a Log as a Reader appends it, with its tag and length
// as a field of a log group. It is 0 where there is none.
func LogTime(field []byte) uint32 {
	for log := logOf(field); len(log) > 0; {
		num, typ, n := protowire.ConsumeTag(log)
		m := protowire.ConsumeFieldValue(num, typ, log[max(n, 0):])
		if n < 0 || m < 0 {
			break // not reached: a Reader wrote it
		}
		if num == fieldTime && typ == protowire.VarintType {
			v, _ := protowire.ConsumeVarint(log[n:])
			return uint32(v)
		}
		log = log[n+m:]
	}
	return 0
}

// logOf is a Log without its tag and length.
func logOf(field []byte) []byte {
	if len(field) == 0 {
		return nil
	}
	_, width := binary.Uvarint(field[1:])
	return field[1+max(width, 0):]
}

// WithTime returns a copy of a Log, a field as LogTime takes it, with the time now. The
// content key holds the time that it had, in UTC by RFC 3339.
func WithTime(field []byte, now time.Time, key string) []byte {
	log := logOf(field)
	var sec uint64
	var nsec uint32
	hasNs := false
	out := protowire.AppendTag(nil, fieldTime, protowire.VarintType)
	out = protowire.AppendVarint(out, uint64(now.Unix()))
	for len(log) > 0 {
		num, typ, n := protowire.ConsumeTag(log)
		m := protowire.ConsumeFieldValue(num, typ, log[max(n, 0):])
		if n < 0 || m < 0 {
			break // not reached: a Reader wrote it
		}
		switch num {
		case fieldTime:
			sec, _ = protowire.ConsumeVarint(log[n:])
		case fieldTimeNs:
			nsec, _ = protowire.ConsumeFixed32(log[n:])
			hasNs = true
		default:
			out = append(out, log[:n+m]...)
		}
		log = log[n+m:]
	}
	out = appendContent(out, key, time.Unix(int64(sec), int64(nsec)).UTC().Format(time.RFC3339Nano))
	if hasNs {
		out = protowire.AppendTag(out, fieldTimeNs, protowire.Fixed32Type)
		out = protowire.AppendFixed32(out, uint32(now.Nanosecond()))
	}
	return protowire.AppendBytes(protowire.AppendTag(nil, fieldLogs, protowire.BytesType), out)
}

func appendContent(log []byte, key, value string) []byte {
	c := protowire.AppendString(protowire.AppendTag(nil, fieldKey, protowire.BytesType), key)
	c = protowire.AppendString(protowire.AppendTag(c, fieldValue, protowire.BytesType), value)
	return protowire.AppendBytes(protowire.AppendTag(log, fieldContents, protowire.BytesType), c)
}
