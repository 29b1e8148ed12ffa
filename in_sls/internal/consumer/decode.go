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
		IncludeMeta: s.cfg.IncludeMeta, InMetadata: s.cfg.MetaIn == metaInMetadata,
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

// decode appends the events of a LogGroupList to dst, and returns the size of them all.
// What cannot be read is counted and logged; everything else is delivered. Once ctx has
// ended it may stop anywhere.
func (r *shardReader) decode(ctx context.Context, dst, list []byte) (events []byte, records, size int) {
	handed := 0
	r.list.Reset(list)
	for i := 0; ctx.Err() == nil; i++ {
		group, err := r.list.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			r.unreadable(ctx, i, err, "the rest of the answer is skipped")
			break
		}
		for err = loggroup.ErrMore; errors.Is(err, loggroup.ErrMore) && ctx.Err() == nil; {
			if len(dst) >= room(dst) {
				before := len(dst)
				dst, records = r.makeRoom(ctx, dst, records)
				handed += before - len(dst)
			}
			var n int
			r.decoder.Most = room(dst) - len(dst)
			dst, n, err = r.decoder.AppendEvents(dst, group)
			records += n
		}
		if err != nil && ctx.Err() == nil {
			r.unreadable(ctx, i, err, "the rest of this log group is skipped")
		}
	}
	return dst, records, handed + len(dst)
}

// room is how far a buffer is filled: what an event is larger than that goes beyond.
func room(b []byte) int { return cap(b) - min(cap(b)/8, 64<<10) }

// makeRoom returns a buffer with room for more events: a larger one, as long as there is
// memory for it and the part that is handed over at once is not too large, else an empty
// one, when what is in this one has been handed over.
func (r *shardReader) makeRoom(ctx context.Context, events []byte, records int) ([]byte, int) {
	if cap(events) < r.size.part() && r.claim.raise(r.claim.held+int64(cap(events))) {
		larger := append(r.buffers.Get(2*cap(events)), events...)
		r.buffers.Put(events)
		return larger, records
	}
	r.handPart(ctx, events, records)
	return r.buffers.Get(min(cap(events), r.size.part())), 0
}

// handPart queues a part of what an answer brought, and waits until it has been handed
// over. Its cursor is that of the pull: what an answer brought is safe as a whole only.
// The reader waits for its own shard and no other: to wait for the budget, holding
// the answer, could last for ever. So the claim stays the reader's, for the next part.
func (r *shardReader) handPart(ctx context.Context, events []byte, records int) {
	at := number(r.cursor)
	r.claim.force(int64(cap(r.raw) + cap(events)))
	b := batch{events: events, records: records, cursor: r.cursor, told: answered{from: at, next: at}}
	if !r.handoff.push(r.queue, b) {
		r.handoff.free([]batch{b})
		<-ctx.Done() // the lease is over
	}
	for r.handoff.holds(r.queue) && wait(ctx, settlePoll) {
	}
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
