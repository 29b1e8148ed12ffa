package consumer

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/sls"
)

// decoder makes the decoder of a shard by the options.
func (s *shared) decoder(shard int) loggroup.Decoder {
	d := loggroup.Decoder{
		IncludeMeta: s.cfg.IncludeMeta, InMetadata: s.cfg.MetaIn == metaInMetadata, RawKey: s.cfg.RawKey,
	}
	if s.cfg.IncludePosition {
		d.Position = &loggroup.Position{Project: s.logs.Project, Logstore: s.logs.Name, Shard: shard}
	}
	switch s.cfg.Format {
	case formatJSON:
		d.Format = loggroup.FormatJSON
		d.JSONKeys = make(map[string]bool, len(s.cfg.JSONKeys))
		for _, key := range s.cfg.JSONKeys {
			d.JSONKeys[key] = true
		}
	case formatRaw:
		d.Format = loggroup.FormatRaw
	}
	return d
}

// place tells the decoder the cursors of the groups of an answer. With a query the
// server says that of the last group before it filtered: of no use.
func (r *shardReader) place(res sls.PullResult) {
	if res.LastCursor >= 0 && !r.cfg.filtered() {
		r.decoder.SetCursor(res.LastCursor - int64(res.Groups) + 1)
	} else {
		r.decoder.SetPullCursor(r.cursor)
	}
}

// decode appends the events of a LogGroupList to dst. What cannot be read is
// counted and logged; everything else is delivered. Once ctx has ended it may stop
// anywhere.
func (r *shardReader) decode(ctx context.Context, dst, list []byte) ([]byte, int) {
	records := 0
	r.list.Reset(list)
	for i := 0; ; i++ {
		group, err := r.list.Next()
		if errors.Is(err, io.EOF) {
			return dst, records
		}
		if err != nil {
			r.unreadable(ctx, i, err, "the rest of the answer is skipped")
			return dst, records
		}
		var n int
		dst, n, err = r.decoder.AppendEvents(dst, group)
		records += n
		for errors.Is(err, loggroup.ErrMore) && ctx.Err() == nil {
			dst = r.handPart(ctx, dst, records)
			dst, records, err = r.decoder.AppendEvents(dst, group)
		}
		if ctx.Err() != nil {
			return dst, 0
		}
		if err != nil {
			r.unreadable(ctx, i, err, "the rest of this log group is skipped")
		}
		if most := r.decoder.Most; most > 0 && len(dst) >= most {
			dst, records = r.handPart(ctx, dst, records), 0
		}
	}
}

// partSize is how many times what a pull asks for the events of an answer may be
// before they are handed over in parts. With include_meta a log group of a few KB can become
// gigabytes: its tags are repeated for each of its logs.
const partSize = 4

// handPart queues a part of what an answer brought, waits until it has been handed
// over, and returns an empty buffer. Its cursor is that of the pull: what an answer
// brought is safe as a whole only. The reader waits for its own shard and no other:
// to wait for the budget, holding the answer, could last for ever.
func (r *shardReader) handPart(ctx context.Context, events []byte, records int) []byte {
	at := number(r.cursor)
	b := batch{events: events, records: records, cursor: r.cursor, cost: int64(cap(events)), told: answered{from: at, next: at}}
	r.budget.settle(0, b.cost)
	if !r.handoff.push(r.queue, b) {
		r.handoff.free([]batch{b})
		<-ctx.Done() // the lease is over
	}
	for r.handoff.holds(r.queue) && wait(ctx, settlePoll) {
	}
	return r.buffers.Get(r.decoder.Most)
}

// holds reports whether something of q waits to be handed over.
func (h *handoff) holds(q *queue) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(q.batches) > 0
}

// unreadable counts and logs corrupt data. The error names the offset.
func (r *shardReader) unreadable(ctx context.Context, group int, err error, consequence string) {
	r.queue.meter.corrupt(err)
	r.corrupt.log(ctx, r.log, slog.LevelError, "corrupt log group: "+consequence,
		"cursor", r.cursor, "group", group, "error", err)
}
