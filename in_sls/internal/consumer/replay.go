package consumer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"fluent-bit-sls/shared/sls"
)

// span is one range of the option replay: what lies from begin, in front of end.
type span struct {
	shard      int
	begin, end string
}

// parseSpan reads SHARD:BEGIN_CURSOR:END_CURSOR.
func parseSpan(raw string) (span, error) {
	parts := strings.Split(strings.TrimSpace(raw), ":")
	if len(parts) != 3 || parts[1] == "" || parts[2] == "" {
		return span{}, fmt.Errorf("%q is not of the form SHARD:BEGIN_CURSOR:END_CURSOR", raw)
	}
	shard, err := strconv.ParseUint(parts[0], 10, 31)
	if err != nil {
		return span{}, fmt.Errorf("%q is no shard id", parts[0])
	}
	s := span{shard: int(shard), begin: parts[1], end: parts[2]}
	if before(s.end, s.begin) && !before(s.begin, s.end) {
		return span{}, errors.New("the end is before the beginning")
	}
	return s, nil
}

func checkSpans(raw string) error {
	for item := range strings.SplitSeq(raw, ",") {
		if _, err := parseSpan(item); err != nil {
			return err
		}
	}
	return nil
}

// replay reads ranges of cursors of one logstore and nothing else: no group, no
// checkpoints. The ranges of one shard are read one after the other, in the
// order of the option.
type replay struct {
	*shared
	clock  leaseClock
	shards *fresh[[]sls.Shard]
	spans  [][]span // by shard
}

func newReplay(s *shared) *replay {
	r := &replay{shared: s, shards: newFresh(s.logs.ListShards)}
	for _, raw := range s.cfg.Replay {
		one, err := parseSpan(raw)
		if err != nil {
			continue // checked by its option
		}
		i := slices.IndexFunc(r.spans, func(of []span) bool { return of[0].shard == one.shard })
		if i < 0 {
			r.spans = append(r.spans, nil)
			i = len(r.spans) - 1
		}
		r.spans[i] = append(r.spans[i], one)
	}
	return r
}

func (r *replay) run(hard, reading context.Context) {
	r.clock.renew(time.Now(), forever)
	var ending sync.WaitGroup
	for _, spans := range r.spans {
		r.panics.Go(&ending, "replay", func() { r.runShard(hard, reading, spans) })
	}
	ending.Wait()
	if reading.Err() == nil {
		r.log.Info("the ranges of the option replay have been read: the reading has ended")
	}
}

func (r *replay) runShard(hard, reading context.Context, spans []span) {
	for i, one := range spans {
		if reading.Err() != nil {
			return
		}
		ctx, cancel := context.WithCancel(hard)
		l := newLoneLease(r.shared, rangeOpener{one}, r.shards, &r.clock, one.shard)
		l.epoch, l.cancel, l.moveOn = uint64(i+1), cancel, func() {}
		l.ended = func(*lease) {}
		l.run(ctx, reading)
	}
}
