package consumer

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

// maxSeries bounds how many shards an instance shows apart. The engine cannot take
// a series back, so what counts is every shard that was ever held, not those held
// now: an instance that outlives many splits would grow for ever.
const maxSeries = 500

// seriesPerShard is more than any family has of one shard.
const seriesPerShard = 16

// The values of the label result of a pull that was answered; the others are the
// classes of errors.
const (
	resultOK    = "ok"
	resultEmpty = "empty"
)

// metrics are the families of an instance. A pull counts, a Collect, a commit and a
// heartbeat; a record never does. What a shard is like at the moment (its lag, its
// buffer) is not counted but read from the queues when a snapshot is taken.
type metrics struct {
	set *metric.Set

	records, bytes, pulls, rawBytes, wireBytes, fetchErrors, throttled, fallbacks, decodeErrors,
	committed, commitErrors, refused, foreign metric.Counters // by logstore and shard
	heartbeats, rebalances, leasesLost metric.Counters // by logstore
	barrier                            metric.Histogram
	panics                             metric.Counter

	mu    sync.Mutex // guards known; taken alone
	known map[series]bool
}

// Metrics are the families of the instance, for whoever publishes them.
func (c *Consumer) Metrics() *metric.Set { return c.metrics.set }

// series are the label values of a shard.
type series struct{ logstore, shard string }

// newMetrics declares the families of the instance whose queues are h's.
func newMetrics(h *handoff) *metrics {
	s := metric.NewSet()
	declareGauges(s, h)
	shard := func(name, help string, more ...string) metric.Counters {
		c := s.Counter(name, help, append([]string{"logstore", "shard"}, more...)...)
		c.Limit(maxSeries * seriesPerShard)
		return c
	}
	return &metrics{
		set:          s,
		known:        map[series]bool{},
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
		heartbeats:   s.Counter("heartbeats_total", "Heartbeats answered.", "logstore"),
		rebalances:   s.Counter("rebalances_total", "Heartbeats answered with other shards than before.", "logstore"),
		leasesLost:   s.Counter("leases_lost_total", "Shards that ended without a release.", "logstore"),
		barrier: s.Histogram("barrier_duration_seconds", "Time without a hand-over until checkpoint delivered found everything delivered.",
			[]float64{1, 2.5, 5, 7.5, 10, 15, 30, 60, 120, 300, 600}).With(),
		panics: s.Counter("panics_total", "Panics in the plugin's own goroutines, which it survived. Please report them.").With(),
	}
}

// declareGauges declares what is computed from the queues of h, of the shards held
// now. What a shard that is not held any more had becomes 0.
func declareGauges(s *metric.Set, h *handoff) {
	// What shards that share a series come to.
	sum := func(a, b float64) float64 { return a + b }
	most := func(a, b float64) float64 { return max(a, b) }
	least := func(a, b float64) float64 { return min(a, b) }
	for _, g := range []struct {
		name, help string
		value      func(view) (v float64, known bool)
		merge      func(a, b float64) float64
	}{
		{
			"shards_held", "1 for a shard that is held, 0 for one that was.",
			func(view) (float64, bool) { return 1, true }, sum,
		}, {
			"lag_seconds", "Age of the oldest data of a shard that has not been handed over, by when SLS received it.",
			func(v view) (float64, bool) { return v.lag.Seconds(), v.lagKnown }, most,
		}, {
			"lag_log_groups", "Log groups of a shard that have not been handed over.",
			func(v view) (float64, bool) { return float64(v.groups), v.groups >= 0 }, sum,
		}, {
			"position_timestamp_seconds", "Time up to which what SLS received in a shard has been handed over, 0 for one that is not held.",
			func(v view) (float64, bool) { return float64(v.at.Add(-v.lag).UnixMilli()) / 1e3, v.lagKnown }, least,
		}, {
			"buffer_bytes", "Bytes read of a shard that wait to be handed over, of memory_limit.",
			func(v view) (float64, bool) { return float64(v.buffered), true }, sum,
		},
	} {
		s.GaugeFunc(g.name, g.help, func(emit metric.Emit) {
			values := map[series]float64{}
			for _, v := range h.views() {
				if x, known := g.value(v); known {
					if other, again := values[v.name]; again {
						x = g.merge(x, other)
					}
					values[v.name] = x
				}
			}
			for name, x := range values {
				emit(x, name.logstore, name.shard)
			}
		}, "logstore", "shard").Limit(maxSeries * seriesPerShard)
	}
}

// meter counts what happens to one shard. The zero value counts nothing.
type meter struct {
	all  *metrics
	name series

	records, bytes, ok, empty, rawBytes, wireBytes, fetchErrors, throttled, fallbacks,
	committed, commitErrors, refused, foreign metric.Counter
}

// shard is the meter of a shard, whose counters go on where they were when it was
// held before. They all begin at 0 here, so that a rate sees their first increase.
func (m *metrics) shard(logstore string, id int) meter {
	name := m.name(series{logstore, strconv.Itoa(id)})
	of := func(c metric.Counters) metric.Counter { return c.With(name.logstore, name.shard) }
	for _, class := range []sls.Class{sls.ClassRetry, sls.ClassThrottle} {
		m.pulls.With(name.logstore, name.shard, class.String())
	}
	return meter{
		all: m, name: name,
		records: of(m.records), bytes: of(m.bytes), rawBytes: of(m.rawBytes), wireBytes: of(m.wireBytes),
		ok: m.pulls.With(name.logstore, name.shard, resultOK), empty: m.pulls.With(name.logstore, name.shard, resultEmpty),
		fetchErrors: of(m.fetchErrors), throttled: of(m.throttled), fallbacks: of(m.fallbacks),
		committed: of(m.committed), commitErrors: of(m.commitErrors), refused: of(m.refused), foreign: of(m.foreign),
	}
}

// name keeps the number of series within maxSeries: what comes after shares one for
// each logstore.
func (m *metrics) name(s series) series {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.known[s] && len(m.known) >= maxSeries {
		return series{s.logstore, metric.Other}
	}
	m.known[s] = true
	return s
}

// pulled counts a pull by its outcome.
func (m *meter) pulled(res sls.PullResult, err error) {
	switch {
	case err != nil:
		m.all.pulls.With(m.name.logstore, m.name.shard, sls.ClassOf(err).String()).Add(1)
		return
	case res.Groups > 0:
		m.ok.Add(1)
	default:
		m.empty.Add(1)
	}
	m.rawBytes.Add(uint64(res.RawSize))
	m.wireBytes.Add(uint64(res.WireSize))
}

// corrupt counts data that could not be read by what was wrong with it: there is a
// fixed number of reasons, and none quotes the data.
func (m *meter) corrupt(err error) {
	kind := metric.Other
	if bad := (*loggroup.CorruptError)(nil); errors.As(err, &bad) {
		kind = strings.ReplaceAll(bad.Reason, " ", "_")
	}
	m.all.decodeErrors.With(m.name.logstore, m.name.shard, kind).Add(1)
}

// settled counts a barrier that has found everything delivered.
func (m *metrics) settled(took time.Duration) { m.barrier.Observe(took.Seconds()) }
