package shard

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"fluent-bit-sls/in_sls/internal/handover"
	"fluent-bit-sls/in_sls/internal/retry"
	"fluent-bit-sls/in_sls/internal/tags"
	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/sls"
)

// answerDecoder turns the answers to the pulls of one shard into events. It keeps nothing of
// an answer: a reader that waits for its turn would hold megabytes that no budget counts.
type answerDecoder struct {
	filtered bool // by a query or a processor
	queue    *handover.Queue
	log      *slog.Logger
	corrupt  retry.Failure

	namer *tags.Namer // nil: all events go under the section's own tag

	list    loggroup.ListReader
	decoder loggroup.Decoder
}

// newDecoder makes the decoder of a shard by the options.
func newDecoder(c *Config, logs sls.Logstore, shard int) loggroup.Decoder {
	d := c.Record
	if c.Positions {
		d.Position = &loggroup.Position{Project: logs.Project, Logstore: logs.Name, Shard: shard}
	}
	return d
}

// decode decodes the answer to the pull at cursor, which is claim.Raw, into claim.Events. An
// answer that decodes to more than part bytes is pushed in parts. What cannot be read is
// counted and logged, and everything else is delivered. It returns the number of records
// in claim.Events and the size of all events. Once ctx has ended it may stop anywhere.
func (d *answerDecoder) decode(ctx context.Context, res sls.PullResult, cursor string, claim *handover.Claim, part int) (records, size int) {
	// With a query this is the cursor of the last group before filtering, which is of no
	// use.
	if res.LastCursor >= 0 && !d.filtered {
		d.decoder.SetCursor(res.LastCursor - int64(res.Groups) + 1)
	} else {
		d.decoder.SetPullCursor(cursor)
	}
	pushed := 0
	d.list.Reset(res.Data)
	defer d.list.Reset(nil)
	for i := 0; ctx.Err() == nil; i++ {
		group, err := d.list.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			d.unreadable(ctx, cursor, i, err, "the rest of the answer is skipped")
			break
		}
		tag := ""
		if d.namer != nil {
			tag = d.namer.Tag(group)
		}
		for err = loggroup.ErrMore; errors.Is(err, loggroup.ErrMore) && ctx.Err() == nil; {
			if len(claim.Events) >= fillLimit(claim.Events) && (cap(claim.Events) >= part || !claim.GrowEvents()) {
				pushed += len(claim.Events)
				room := min(cap(claim.Events), part)
				d.queue.PushPart(ctx, claim, records, cursor, number(cursor))
				claim.LendEvents(room)
				records = 0
			}
			var n int
			d.decoder.Most = fillLimit(claim.Events) - len(claim.Events)
			claim.Events, n, err = d.decoder.AppendEvents(claim.Events, group)
			records += n
			if d.namer != nil {
				claim.Tag(tag, n)
			}
		}
		if err != nil && ctx.Err() == nil {
			d.unreadable(ctx, cursor, i, err, "the rest of this log group is skipped")
		}
	}
	return records, pushed + len(claim.Events)
}

// fillLimit is how far a buffer is filled: the last event may go beyond that.
func fillLimit(b []byte) int { return cap(b) - min(cap(b)/8, 64<<10) }

// unreadable counts and logs corrupt data. The error names the offset.
func (d *answerDecoder) unreadable(ctx context.Context, cursor string, group int, err error, consequence string) {
	d.queue.Counters.Corrupt(err)
	d.corrupt.Log(ctx, d.log, slog.LevelError, "corrupt log group: "+consequence,
		"cursor", cursor, "group", group, "error", err)
}
