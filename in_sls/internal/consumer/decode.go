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
// counted and logged; everything else is delivered.
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
		if err != nil {
			r.unreadable(ctx, i, err, "the rest of this log group is skipped")
		}
	}
}

// unreadable counts and logs corrupt data. The error names the offset.
func (r *shardReader) unreadable(ctx context.Context, group int, err error, consequence string) {
	r.stats.decodeErrors.Add(1)
	r.corrupt.log(ctx, r.log, slog.LevelError, "corrupt log group: "+consequence,
		"cursor", r.cursor, "group", group, "err", err)
}
