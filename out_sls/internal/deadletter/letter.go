package deadletter

import (
	"encoding/base64"
	"strconv"
	"time"

	"fluent-bit-sls/out_sls/internal/route"
	"fluent-bit-sls/shared/loggroup"
)

// letter is one dead letter: an event, or the bytes of a chunk that are none.
type letter struct {
	reason string
	tag    string
	to     route.Destination // zero for what is no event
	bytes  []byte            // the msgpack, as the engine gave it
	offset int               // in the chunk
}

// append appends the letter as one line of JSON:
//
//	{"time": when it was written, "reason": SLS's code, "tag": Fluent Bit's, "offset": in the chunk,
//	 "project", "logstore", "topic", "source", "hash_key": where it was to go,
//	 "event_time": RFC 3339, "metadata": {...}, "record": {...}, "msgpack": base64 of the event's bytes}
//
// msgpack is the whole original, byte for byte; the fields before it are for
// reading and searching.
func (l *letter) append(b []byte, now time.Time) []byte {
	field := func(name, value string) {
		b = append(b, `,"`...)
		b = append(b, name...)
		b = append(b, `":`...)
		b = loggroup.AppendJSONString(b, value)
	}
	b = append(b, `{"time":`...)
	b = loggroup.AppendJSONString(b, now.UTC().Format(time.RFC3339Nano))
	field("reason", l.reason)
	field("tag", l.tag)
	b = append(b, `,"offset":`...)
	b = strconv.AppendInt(b, int64(l.offset), 10)
	if l.to != (route.Destination{}) {
		var r loggroup.Reader
		r.Reset(l.bytes, loggroup.EncodeOptions{})
		_ = r.Scan() // it was read before: an event
		event := r.Event()
		field("project", l.to.Project)
		field("logstore", l.to.Logstore)
		field("topic", l.to.Topic)
		field("source", l.to.Source)
		field("hash_key", l.to.HashKey)
		field("event_time", event.Time().Format(time.RFC3339Nano))
		b = append(b, `,"metadata":`...)
		if event.Metadata == nil {
			b = append(b, `{}`...)
		} else {
			b = loggroup.AppendJSON(b, event.Metadata)
		}
		b = append(b, `,"record":`...)
		b = loggroup.AppendJSON(b, event.Record)
	}
	b = append(b, `,"msgpack":"`...)
	b = base64.StdEncoding.AppendEncode(b, l.bytes)
	return append(b, "\"}\n"...)
}
