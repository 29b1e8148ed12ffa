package producer

import (
	"encoding/binary"
	"errors"
	"iter"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"fluent-bit-sls/shared/sls"
)

// What happens to a log that SLS refuses for its age.
const (
	oldTimeRewrite    = "rewrite"
	oldTimeDeadLetter = "dead_letter"
	oldTimeDrop       = "drop"
)

// SLS takes logs of the last seven days, and up to 15 minutes ahead (answer 499
// "post data time is out of range" of PutLogs).
const (
	oldestTime = 7 * 24 * time.Hour
	newestTime = 15 * time.Minute
)

// origTimeKey is the content that keeps the time of a log sent with another.
const origTimeKey = "__orig_time__"

// Fields of LogGroup, Log and LogContent (log.proto of the SDK).
const (
	fieldLogs     = 1
	fieldTime     = 1
	fieldContents = 2
	fieldTimeNs   = 4
	fieldKey      = 1
	fieldValue    = 2
)

// isOldTime tells whether SLS refused a request for the time of its logs.
func isOldTime(err error) bool {
	var e *sls.Error
	return errors.As(err, &e) && (e.Status == 499 || strings.EqualFold(e.Code, "InvalidTimestamp") ||
		strings.Contains(strings.ToLower(e.Message), "time is out of range"))
}

// mendTimes deals with the logs of r whose time SLS does not take, as
// old_log_time says. It is false when r has none that was not dealt with before.
func (p *Producer) mendTimes(r *request, err error) bool {
	now := time.Now().Add(p.client.ClockOffset())
	oldest, newest := now.Add(time.Minute-oldestTime).Unix(), now.Add(newestTime-time.Minute).Unix()
	// A log alone is what SLS meant, whatever the time is here.
	alone := len(r.pieces) == 1 && r.pieces[0].logs == 1
	var left []piece
	mended := false
	for _, pc := range r.pieces {
		for i, log := range pc.each() {
			t := int64(logTime(log))
			one := piece{of: pc.of, body: log, span: span{pc.first + i, 1}, rewritten: pc.rewritten}
			switch {
			case pc.rewritten || !alone && t >= oldest && t <= newest:
				left = join(left, one)
				continue
			case p.cfg.OldLogTime == oldTimeRewrite:
				one.body, one.rewritten = rewriteTime(log, now), true
				left = append(left, one)
				p.metrics.rewritten.With(r.queue.dest.Logstore).Add(1)
			default:
				p.refuse(r, one, err, p.cfg.OldLogTime == oldTimeDrop)
			}
			mended = true
		}
	}
	if mended {
		p.replace(r, left)
	}
	return mended
}

// each walks the logs of a piece.
func (pc piece) each() iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		at := 0
		for i := range pc.logs {
			size := logsSize(pc.body[at:], 1)
			if !yield(i, pc.body[at:at+size]) {
				return
			}
			at += size
		}
	}
}

// join appends a piece of one log, to the last piece if it follows on it.
func join(pieces []piece, one piece) []piece {
	if n := len(pieces); n > 0 {
		last := &pieces[n-1]
		if last.of == one.of && !last.rewritten && !one.rewritten && last.first+last.logs == one.first {
			last.logs++
			last.body = last.body[:len(last.body)+len(one.body)]
			return pieces
		}
	}
	return append(pieces, one)
}

// replace gives r other pieces, which together stand for what is left of its
// own: the deliveries are told how many of theirs are open.
func (p *Producer) replace(r *request, pieces []piece) {
	for _, pc := range pieces {
		pc.of.open++
	}
	gone := request{queue: r.queue, pieces: r.pieces}
	r.pieces, r.segments = pieces, nil
	p.finish(&gone)
}

// logTime is the time of an encoded log, a field of a log group, in seconds.
func logTime(field []byte) uint32 {
	_, width := binary.Uvarint(field[1:])
	log := field[1+width:]
	for len(log) > 0 {
		num, typ, n := protowire.ConsumeTag(log)
		if n < 0 {
			return 0
		}
		if num == fieldTime && typ == protowire.VarintType {
			v, _ := protowire.ConsumeVarint(log[n:])
			return uint32(v)
		}
		log = log[n+max(protowire.ConsumeFieldValue(num, typ, log[n:]), 1):]
	}
	return 0
}

// rewriteTime is the log with another time, and its own as a content.
func rewriteTime(field []byte, now time.Time) []byte {
	_, width := binary.Uvarint(field[1:])
	log := field[1+width:]
	var sec uint64
	var nsec uint32
	hasNs := false
	out := protowire.AppendTag(nil, fieldTime, protowire.VarintType)
	out = protowire.AppendVarint(out, uint64(now.Unix()))
	for len(log) > 0 {
		num, typ, n := protowire.ConsumeTag(log)
		m := protowire.ConsumeFieldValue(num, typ, log[max(n, 0):])
		if n < 0 || m < 0 {
			break // not reached: this engine wrote it
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
	out = appendContent(out, origTimeKey, time.Unix(int64(sec), int64(nsec)).UTC().Format(time.RFC3339Nano))
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
