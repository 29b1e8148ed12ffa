package slsfake

import (
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Pair is one key and value of a log, in the order sent. Keys may repeat.
type Pair struct{ Key, Value string }

// Log is one stored log with where and by whom it was written.
type Log struct {
	Shard    int
	Cursor   int64 // number of its group
	Index    int   // within the group
	Topic    string
	Source   string
	Tags     map[string]string // of the group; shared by its logs
	Time     uint32            // unix seconds
	TimeNs   *uint32           // nanoseconds within the second; nil = not sent
	Contents []Pair

	Received    time.Time // server's clock
	RequestID   string
	AccessKeyID string
	UserAgent   string
	HashKey     string // "" = load-balanced
}

// decodeGroup calls yield for every log of a verified group until it returns
// false. common carries what all of them share.
func decodeGroup(b []byte, common Log, yield func(Log) bool) bool {
	for rest := b; len(rest) > 0; { // topic, source and tags may follow the logs
		tag, val, next, ok := nextField(rest)
		if !ok {
			return true
		}
		rest = next
		switch tag {
		case tagBytes3:
			common.Topic = string(val)
		case tagBytes4:
			common.Source = string(val)
		case tagBytes6:
			if common.Tags == nil {
				common.Tags = map[string]string{}
			}
			p := decodePair(val)
			common.Tags[p.Key] = p.Value
		}
	}
	for index := 0; len(b) > 0; {
		tag, val, next, ok := nextField(b)
		if !ok {
			return true
		}
		b = next
		if tag != tagBytes1 {
			continue
		}
		l := common
		l.Index = index
		index++
		decodeLog(val, &l)
		if !yield(l) {
			return false
		}
	}
	return true
}

func decodeLog(b []byte, l *Log) {
	for len(b) > 0 {
		tag, val, rest, ok := nextField(b)
		if !ok {
			return
		}
		b = rest
		switch tag {
		case tagVarint1:
			v, _ := protowire.ConsumeVarint(val)
			l.Time = uint32(v)
		case tagBytes2:
			l.Contents = append(l.Contents, decodePair(val))
		case tagFixed32:
			v, _ := protowire.ConsumeFixed32(val)
			l.TimeNs = &v
		}
	}
}

func decodePair(b []byte) (p Pair) {
	for len(b) > 0 {
		tag, val, rest, ok := nextField(b)
		if !ok {
			return p
		}
		b = rest
		switch tag {
		case tagBytes1:
			p.Key = string(val)
		case tagBytes2:
			p.Value = string(val)
		}
	}
	return p
}
