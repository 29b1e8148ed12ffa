package report

import (
	"strings"
	"sync"
	"time"

	"fluent-bit-sls/shared/metric"
	"fluent-bit-sls/shared/sls"
)

// Reasons for which a record is not delivered, beside the error codes of SLS.
const (
	ReasonNotAnEvent = "NotAnEvent"
	ReasonCorrupt    = "Corrupt"
)

// Why a record was not stored a second time.
const (
	AvoidedByMemory   = "memory"   // it was not sent: state_path
	AvoidedBySequence = "sequence" // SLS refused it: exactly_once
)

// resultOK is the label result of a request that SLS has accepted; the others are
// the classes of errors.
const resultOK = "ok"

// maxKnown bounds the logstores whose counters begin at 0: those that the families
// keep apart.
const maxKnown = 256

// Metrics are the metric families of an instance. Each counter is of one logstore, where
// it is of any. It is safe for concurrent use.
type Metrics struct {
	Set         *metric.Set
	Records     metric.Counters
	BytesRaw    metric.Counters
	BytesSent   metric.Counters
	Requests    metric.Counters
	Retries     metric.Counters
	Ambiguous   metric.Counters
	Skipped     metric.Counters
	Avoided     metric.Counters
	Dropped     metric.Counters
	DeadLetters metric.Counters
	Rewritten   metric.Counters
	Corrupt     metric.Counter
	NoLogKey    metric.Counter
	Panics      metric.Counter
	HandedBack  metric.Counter
	Redirected  metric.Counters
	duration    metric.Histograms

	mu    sync.Mutex // guards known; taken alone
	known map[string]bool
}

// NewMetrics declares the families that count. What is read from elsewhere when it is
// published is added to Set by its owner.
func NewMetrics() *Metrics {
	s := metric.NewSet()
	m := &Metrics{
		Set:         s,
		known:       map[string]bool{},
		Records:     s.Counter("records_total", "Records accepted by SLS.", "logstore"),
		BytesRaw:    s.Counter("raw_bytes_total", "Bytes of accepted log groups before compression.", "logstore"),
		BytesSent:   s.Counter("sent_bytes_total", "Bytes of accepted log groups after compression.", "logstore"),
		Requests:    s.Counter("requests_total", "Requests sent, by the class of their answer.", "logstore", "result"),
		Retries:     s.Counter("request_retries_total", "Requests that the plugin sent again by itself.", "logstore"),
		Ambiguous:   s.Counter("ambiguous_requests_total", "Requests that SLS may have accepted although no clear answer came.", "logstore"),
		Skipped:     s.Counter("skipped_segments_total", "Parts of returned chunks that were delivered already and not sent again.", "logstore"),
		Avoided:     s.Counter("avoided_duplicates_total", "Records that are in SLS once and not twice: not sent, as state_path remembers them (memory), or refused by SLS, as it has had their number (sequence).", "logstore", "reason"),
		Dropped:     s.Counter("dropped_records_total", "Records lost for good, by SLS's code or what was wrong with them.", "logstore", "reason"),
		DeadLetters: s.Counter("dead_letter_records_total", "Records written to the dead-letter file.", "logstore", "reason"),
		Rewritten:   s.Counter("rewritten_times_total", "Logs sent with the current time, because SLS refused theirs.", "logstore"),
		NoLogKey:    s.Counter("without_log_key_records_total", "Records sent whole, because they do not have log_key.").With(),
		HandedBack:  s.Counter("handed_back_chunks_total", "Chunks handed back at once, because SLS had not answered for flush_timeout.").With(),
		Redirected:  s.Counter("redirected_records_total", "Records whose template named a logstore or project that SLS does not have, sent to the default one.", "logstore"),
		Corrupt:     s.Counter("corrupt_chunks_total", "Chunks that could not be read to their end.").With(),
		Panics:      s.Counter("panics_total", "Panics in the plugin's own goroutines, which it survived. Please report them.").With(),
		duration: s.Histogram("request_duration_seconds", "Time from sending a request to its answer.",
			[]float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}, "logstore"),
	}
	m.Requests.Limit(maxKnown * (1 + len(putClasses)))
	return m
}

// putClasses are what may become of a write that is not accepted.
var putClasses = []sls.Class{
	sls.ClassRetry, sls.ClassThrottle, sls.ClassSplit, sls.ClassPermanent,
	sls.ClassCredentials, sls.ClassClock, sls.ClassConfiguration, sls.ClassConflict,
}

// Sending makes the counters of a logstore begin at 0 with its first request, so that
// a rate sees their first increase. Reasons for which records are lost are not known
// before.
func (m *Metrics) Sending(logstore string) {
	m.mu.Lock()
	begun := m.known[logstore] || len(m.known) >= maxKnown
	if !begun {
		m.known[strings.Clone(logstore)] = true
	}
	m.mu.Unlock()
	if begun {
		return
	}
	m.Requests.With(logstore, resultOK)
	for _, class := range putClasses {
		m.Requests.With(logstore, class.String())
	}
	for _, c := range []metric.Counters{m.Records, m.BytesRaw, m.BytesSent, m.Retries, m.Ambiguous, m.Skipped, m.Rewritten} {
		c.With(logstore)
	}
	for _, reason := range []string{AvoidedByMemory, AvoidedBySequence} {
		m.Avoided.With(logstore, reason)
	}
}

// Answered counts a request by its answer: that many logs, the body that they were sent
// in, and how long the answer took.
func (m *Metrics) Answered(logstore string, logs int, body *sls.Body, took time.Duration, err error) {
	m.duration.With(logstore).Observe(took.Seconds())
	if err != nil {
		m.Requests.With(logstore, sls.ClassOf(err).String()).Add(1)
		if sls.IsAmbiguous(err) {
			m.Ambiguous.With(logstore).Add(1)
		}
		return
	}
	m.Requests.With(logstore, resultOK).Add(1)
	m.Records.With(logstore).Add(uint64(logs))
	m.BytesRaw.With(logstore).Add(uint64(body.RawSize))
	m.BytesSent.With(logstore).Add(uint64(len(body.Data)))
}
