package producer

import (
	"strings"
	"sync"
	"time"

	"fluent-bit-sls/shared/metric"
	"fluent-bit-sls/shared/sls"
)

// Reasons for which a record is not delivered, beside the error codes of SLS.
const (
	reasonNotAnEvent = "NotAnEvent"
	reasonCorrupt    = "Corrupt"
)

// resultOK is the label result of a request that SLS has accepted; the others are
// the classes of errors.
const resultOK = "ok"

// maxKnown bounds the logstores whose counters begin at 0: those that the families
// keep apart.
const maxKnown = 256

// metrics are the families of an instance. A request counts, a flush counts, a
// record never does.
type metrics struct {
	set         *metric.Set
	records     metric.Counters
	bytesRaw    metric.Counters
	bytesSent   metric.Counters
	requests    metric.Counters
	retries     metric.Counters
	ambiguous   metric.Counters
	skipped     metric.Counters
	dropped     metric.Counters
	deadLetters metric.Counters
	rewritten   metric.Counters
	corrupt     metric.Counter
	noLogKey    metric.Counter
	panics      metric.Counter
	handedBack  metric.Counter
	redirected  metric.Counters
	duration    metric.Histograms

	mu    sync.Mutex // guards known; taken alone
	known map[string]bool
}

func newMetrics(p *Producer) *metrics {
	s := metric.NewSet()
	m := &metrics{
		set:         s,
		known:       map[string]bool{},
		records:     s.Counter("records_total", "Records accepted by SLS.", "logstore"),
		bytesRaw:    s.Counter("raw_bytes_total", "Bytes of accepted log groups before compression.", "logstore"),
		bytesSent:   s.Counter("sent_bytes_total", "Bytes of accepted log groups after compression.", "logstore"),
		requests:    s.Counter("requests_total", "Requests sent, by the class of their answer.", "logstore", "result"),
		retries:     s.Counter("request_retries_total", "Requests that the plugin sent again by itself.", "logstore"),
		ambiguous:   s.Counter("ambiguous_requests_total", "Requests that SLS may have accepted although no clear answer came.", "logstore"),
		skipped:     s.Counter("skipped_segments_total", "Parts of returned chunks that were delivered already and not sent again.", "logstore"),
		dropped:     s.Counter("dropped_records_total", "Records lost for good, by SLS's code or what was wrong with them.", "logstore", "reason"),
		deadLetters: s.Counter("dead_letter_records_total", "Records written to the dead-letter file.", "logstore", "reason"),
		rewritten:   s.Counter("rewritten_times_total", "Logs sent with the current time, because SLS refused theirs.", "logstore"),
		noLogKey:    s.Counter("without_log_key_records_total", "Records sent whole, because they do not have log_key.").With(),
		handedBack:  s.Counter("handed_back_chunks_total", "Chunks handed back at once, because SLS had not answered for flush_timeout.").With(),
		redirected:  s.Counter("redirected_records_total", "Records whose template named a logstore or project that SLS does not have, sent to the default one.", "logstore"),
		corrupt:     s.Counter("corrupt_chunks_total", "Chunks that could not be read to their end.").With(),
		panics:      s.Counter("panics_total", "Panics in the plugin's own goroutines, which it survived. Please report them.").With(),
		duration: s.Histogram("request_duration_seconds", "Time from sending a request to its answer.",
			[]float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}, "logstore"),
	}
	m.requests.Limit(maxKnown * (1 + len(putClasses)))
	s.GaugeFunc("buffer_bytes", "Bytes buffered and in flight, of memory_limit.", func(emit metric.Emit) {
		emit(float64(p.used.Load()))
	})
	s.GaugeFunc("buffer_limit_bytes", "The option memory_limit.", func(emit metric.Emit) {
		emit(float64(p.cfg.MemoryLimit))
	})
	s.GaugeFunc("concurrency_allowed", "Requests that may be in flight at once, as throttling allows.", p.emitAllowed, "logstore")
	s.CounterFunc("template_fallbacks_total", "Values of templates that a record did not have, replaced by the static default.", func(emit metric.Emit) {
		emit(float64(p.router.Stats().Fallbacks))
	})
	s.CounterFunc("evicted_destinations_total", "Destinations closed early, because a chunk had more than max_destinations.", func(emit metric.Emit) {
		emit(float64(p.router.Stats().Evicted))
	})
	s.CounterFunc("refused_destinations_total", "Records that named a destination outside allow_destinations and went to the default one.", func(emit metric.Emit) {
		emit(float64(p.router.Stats().Refused))
	})
	s.CounterFunc("capped_records_total", "Records sent without the topic, source or tags that they choose, because their chunk had more than max_log_groups.", func(emit metric.Emit) {
		emit(float64(p.router.Stats().Capped))
	})
	return m
}

// Metrics are the families of the instance, for whoever publishes them.
func (p *Producer) Metrics() *metric.Set { return p.metrics.set }

func (p *Producer) emitAllowed(emit metric.Emit) {
	p.mu.Lock()
	allowed := make(map[string]float64, len(p.schedule.lanes))
	for id, l := range p.schedule.lanes {
		allowed[id.logstore] = max(allowed[id.logstore], float64(int(l.allowed)))
	}
	p.mu.Unlock()
	for logstore, n := range allowed {
		emit(n, logstore)
	}
}

// putClasses are what may become of a write that is not accepted.
var putClasses = []sls.Class{
	sls.ClassRetry, sls.ClassThrottle, sls.ClassSplit, sls.ClassPermanent,
	sls.ClassCredentials, sls.ClassClock, sls.ClassConfiguration,
}

// sending makes the counters of a logstore begin at 0 with its first request, so that
// a rate sees their first increase. Reasons for which records are lost are not known
// before.
func (m *metrics) sending(logstore string) {
	m.mu.Lock()
	begun := m.known[logstore] || len(m.known) >= maxKnown
	if !begun {
		m.known[strings.Clone(logstore)] = true
	}
	m.mu.Unlock()
	if begun {
		return
	}
	m.requests.With(logstore, resultOK)
	for _, class := range putClasses {
		m.requests.With(logstore, class.String())
	}
	for _, c := range []metric.Counters{m.records, m.bytesRaw, m.bytesSent, m.retries, m.ambiguous, m.skipped, m.rewritten} {
		c.With(logstore)
	}
}

// answered counts a request by its answer.
func (m *metrics) answered(r *request, body sls.Body, took time.Duration, err error) {
	logstore := r.queue.dest.Logstore
	m.duration.With(logstore).Observe(took.Seconds())
	if err != nil {
		m.requests.With(logstore, sls.ClassOf(err).String()).Add(1)
		if sls.IsAmbiguous(err) {
			m.ambiguous.With(logstore).Add(1)
		}
		return
	}
	m.requests.With(logstore, resultOK).Add(1)
	logs := 0
	for _, pc := range r.pieces {
		logs += pc.logs
	}
	m.records.With(logstore).Add(uint64(logs))
	m.bytesRaw.With(logstore).Add(uint64(body.RawSize))
	m.bytesSent.With(logstore).Add(uint64(len(body.Data)))
}
