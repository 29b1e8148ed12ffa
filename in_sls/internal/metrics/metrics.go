// Package metrics owns the counters and gauges of one input and the limit on their
// series. The other packages count through it. The gauges of a shard are computed from the
// hand-over's queues when somebody looks. It never calls C: shared/flb publishes the values.
package metrics

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/metric"
	"fluent-bit-sls/shared/sls"
)

// maxSeries bounds how many shards an instance shows apart. The engine cannot take a series
// back, so every shard that was ever read counts: an instance that outlives many splits
// would grow for ever.
const maxSeries = 500

// seriesPerShard is more series than any family has for one shard.
const seriesPerShard = 16

// The values of the label result of a pull that was answered. Those of a failed pull are
// the classes of errors.
const (
	resultOK    = "ok"
	resultEmpty = "empty"
)

// Metrics are the families of an instance. They count pulls, calls of Collect, commits and
// heartbeats, never single records.
type Metrics struct {
	Set *metric.Set // for whoever publishes them

	Heartbeats, Rebalances, LeasesLost  metric.Counters // by logstore
	Barrier                             metric.Histogram
	Panics, AppendsFailed, CappedGroups metric.Counter

	records, bytes, pulls, rawBytes, wireBytes, fetchErrors, throttled, fallbacks, decodeErrors,
	committed, commitErrors, refused, foreign metric.Counters // by logstore and shard

	mu    sync.Mutex // guards known; taken alone
	known map[Series]bool
}

// Series are the label values of a shard.
type Series struct{ logstore, shard string }

// View is the state of one shard at one moment.
type View struct {
	Name     Series
	At       time.Time     // the moment
	Lag      time.Duration // age of the oldest data not handed over
	LagKnown bool
	Groups   int64 // log groups not handed over, -1 where not known
	Buffered int64 // bytes read and not handed over
}

// New declares the families of an instance. views returns the state of all shards that
// it reads now.
func New(views func() []View) *Metrics {
	s := metric.NewSet()
	declareGauges(s, views)
	shard := func(name, help string, more ...string) metric.Counters {
		c := s.Counter(name, help, append([]string{"logstore", "shard"}, more...)...)
		c.Limit(maxSeries * seriesPerShard)
		return c
	}
	return &Metrics{
		Set:          s,
		known:        map[Series]bool{},
		records:      shard("records_total", "Records handed over."),
		bytes:        shard("bytes_total", "Bytes of events handed over."),
		pulls:        shard("pulls_total", "Pulls, by their outcome: ok, empty, or the class of the error.", "result"),
		rawBytes:     shard("pulled_bytes_total", "Bytes of the answers after decompression."),
		wireBytes:    shard("pulled_compressed_bytes_total", "Bytes of the answers before decompression."),
		fetchErrors:  shard("fetch_errors_total", "Requests of shard readers that failed, throttling apart."),
		throttled:    shard("throttled_total", "Requests of shard readers refused for quota."),
		fallbacks:    shard("fallbacks_total", "Times a shard went on from fallback_position because its checkpoint had expired."),
		decodeErrors: shard("decode_errors_total", "Log groups or answers that could not be read to their end, by what was wrong.", "kind"),
		committed:    shard("checkpoints_committed_total", "Checkpoints accepted."),
		commitErrors: shard("checkpoint_errors_total", "Checkpoints that failed and are tried again."),
		refused:      shard("checkpoints_refused_total", "Checkpoints refused because the shard is another's."),
		foreign:      shard("checkpoints_foreign_total", "Checkpoints of shards held that this member did not write."),
		Heartbeats:   s.Counter("heartbeats_total", "Heartbeats answered.", "logstore"),
		Rebalances:   s.Counter("rebalances_total", "Heartbeats answered with other shards than before.", "logstore"),
		LeasesLost:   s.Counter("leases_lost_total", "Shards that ended without a release.", "logstore"),
		Barrier: s.Histogram("barrier_duration_seconds", "Time without a hand-over until checkpoint delivered found everything delivered.",
			[]float64{1, 2.5, 5, 7.5, 10, 15, 30, 60, 120, 300, 600}).With(),
		AppendsFailed: s.Counter("appends_failed_total", "Pieces that Fluent Bit did not take, as its ring buffer was full. They were handed over later, or by the next owner of the shard.").With(),
		CappedGroups:  s.Counter("capped_log_groups_total", "Log groups handed over under the section's own tag, because tag_template had given 1,000 others.").With(),
		Panics:        s.Counter("panics_total", "Panics in the plugin's own goroutines, which it survived. Please report them.").With(),
	}
}

// declareGauges declares what is computed from the shards read now. The gauges of a
// shard that is read no longer become 0.
func declareGauges(s *metric.Set, views func() []View) {
	// How the values of shards are put together that share a series.
	sum := func(a, b float64) float64 { return a + b }
	most := func(a, b float64) float64 { return max(a, b) }
	least := func(a, b float64) float64 { return min(a, b) }
	for _, g := range []struct {
		name, help string
		value      func(View) (v float64, known bool)
		merge      func(a, b float64) float64
	}{
		{
			"shards_held", "1 for a shard that is held, 0 for one that was.",
			func(View) (float64, bool) { return 1, true }, sum,
		}, {
			"lag_seconds", "Age of the oldest data of a shard that has not been handed over, by when SLS received it.",
			func(v View) (float64, bool) { return v.Lag.Seconds(), v.LagKnown }, most,
		}, {
			"lag_log_groups", "Log groups of a shard that have not been handed over.",
			func(v View) (float64, bool) { return float64(v.Groups), v.Groups >= 0 }, sum,
		}, {
			"position_timestamp_seconds", "Time up to which what SLS received in a shard has been handed over, 0 for one that is not held.",
			func(v View) (float64, bool) { return float64(v.At.Add(-v.Lag).UnixMilli()) / 1e3, v.LagKnown }, least,
		}, {
			"buffer_bytes", "Bytes read of a shard that wait to be handed over, of memory_limit.",
			func(v View) (float64, bool) { return float64(v.Buffered), true }, sum,
		},
	} {
		s.GaugeFunc(g.name, g.help, func(emit metric.Emit) {
			values := map[Series]float64{}
			for _, v := range views() {
				if x, known := g.value(v); known {
					if other, again := values[v.Name]; again {
						x = g.merge(x, other)
					}
					values[v.Name] = x
				}
			}
			for name, x := range values {
				emit(x, name.logstore, name.shard)
			}
		}, "logstore", "shard").Limit(maxSeries * seriesPerShard)
	}
}

// Shard counts what happens to one shard. The zero value counts nothing.
type Shard struct {
	Name Series

	Records, Bytes, FetchErrors, Throttled, Fallbacks,
	Committed, CommitErrors, Refused, Foreign metric.Counter

	all                            *Metrics
	ok, empty, rawBytes, wireBytes metric.Counter
}

// Shard returns the counters of a shard. They go on where they were when the shard was
// read before. All of them begin at 0 here, so that a rate sees their first increase.
func (m *Metrics) Shard(logstore string, id int) Shard {
	name := m.name(Series{logstore, strconv.Itoa(id)})
	of := func(c metric.Counters) metric.Counter { return c.With(name.logstore, name.shard) }
	for _, class := range []sls.Class{sls.ClassRetry, sls.ClassThrottle} {
		m.pulls.With(name.logstore, name.shard, class.String())
	}
	return Shard{
		all: m, Name: name,
		Records: of(m.records), Bytes: of(m.bytes), rawBytes: of(m.rawBytes), wireBytes: of(m.wireBytes),
		ok: m.pulls.With(name.logstore, name.shard, resultOK), empty: m.pulls.With(name.logstore, name.shard, resultEmpty),
		FetchErrors: of(m.fetchErrors), Throttled: of(m.throttled), Fallbacks: of(m.fallbacks),
		Committed: of(m.committed), CommitErrors: of(m.commitErrors), Refused: of(m.refused), Foreign: of(m.foreign),
	}
}

// name keeps the number of series within maxSeries: the shards beyond it share one
// series for each logstore.
func (m *Metrics) name(s Series) Series {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.known[s] && len(m.known) >= maxSeries {
		return Series{s.logstore, metric.Other}
	}
	m.known[s] = true
	return s
}

// Pulled counts a pull by its outcome.
func (s *Shard) Pulled(res sls.PullResult, err error) {
	switch {
	case err != nil:
		s.all.pulls.With(s.Name.logstore, s.Name.shard, sls.ClassOf(err).String()).Add(1)
		return
	case res.Groups > 0:
		s.ok.Add(1)
	default:
		s.empty.Add(1)
	}
	s.rawBytes.Add(uint64(res.RawSize))
	s.wireBytes.Add(uint64(res.WireSize))
}

// Corrupt counts data that could not be read, by what was wrong with it: there is a
// fixed number of reasons, and none quotes the data.
func (s *Shard) Corrupt(err error) {
	kind := metric.Other
	if bad := (*loggroup.CorruptError)(nil); errors.As(err, &bad) {
		kind = strings.ReplaceAll(bad.Reason, " ", "_")
	}
	s.all.decodeErrors.With(s.Name.logstore, s.Name.shard, kind).Add(1)
}
