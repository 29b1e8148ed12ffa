package producer

import (
	"fluent-bit-sls/out_sls/internal/journal"
	"fluent-bit-sls/out_sls/internal/route"
	"fluent-bit-sls/shared/metric"
)

// Metrics are the families of the instance, for whoever publishes them.
func (p *Producer) Metrics() *metric.Set { return p.metrics.Set }

// publish adds what is read when it is published.
func (p *Producer) publish(router *route.Router) {
	s := p.metrics.Set
	s.GaugeFunc("buffer_bytes", "Bytes buffered and in flight, of memory_limit.", func(emit metric.Emit) {
		emit(float64(p.budget.Used()))
	})
	s.GaugeFunc("buffer_limit_bytes", "The option memory_limit.", func(emit metric.Emit) {
		emit(float64(p.cfg.MemoryLimit))
	})
	s.GaugeFunc("concurrency_allowed", "Requests that may be in flight at once, as throttling allows.", p.emitAllowed, "logstore")
	s.CounterFunc("template_fallbacks_total", "Values of templates that a record did not have, replaced by the static default.", func(emit metric.Emit) {
		emit(float64(router.Stats().Fallbacks))
	})
	s.CounterFunc("evicted_destinations_total", "Destinations closed early, because a chunk had more than max_destinations.", func(emit metric.Emit) {
		emit(float64(router.Stats().Evicted))
	})
	s.CounterFunc("refused_destinations_total", "Records that named a destination outside allow_destinations and went to the default one.", func(emit metric.Emit) {
		emit(float64(router.Stats().Refused))
	})
	s.CounterFunc("capped_records_total", "Records sent without the topic, source or tags that they choose, because their chunk had more than max_log_groups.", func(emit metric.Emit) {
		emit(float64(router.Stats().Capped))
	})
	p.publishState()
}

// publishState adds how the memory on disk stands, if there is one.
func (p *Producer) publishState() {
	if p.journal == nil {
		return // a state_held of 0 would be an alarm
	}
	s := p.metrics.Set
	of := func(value func(journal.Stats) float64) func(metric.Emit) {
		return func(emit metric.Emit) { emit(value(p.journal.Stats())) }
	}
	s.GaugeFunc("state_held", "1 when the file in state_path is this section's, 0 while another process has it or it cannot be used.", of(func(s journal.Stats) float64 {
		if s.Held {
			return 1
		}
		return 0
	}))
	s.GaugeFunc("state_entries", "Entries in the file of state_path: accepted parts of segments.", of(func(s journal.Stats) float64 {
		return float64(s.Entries)
	}))
	s.CounterFunc("state_errors_total", "Answers of SLS that could not be written to state_path, as on a full disk: after a kill their records are sent again.", of(func(s journal.Stats) float64 {
		return float64(s.Errors)
	}))
	s.CounterFunc("state_evicted_young_total", "Entries of state_path that had to go within an hour, for lack of room in state_size.", of(func(s journal.Stats) float64 {
		return float64(s.EvictedYoung)
	}))
	if p.numbers == nil {
		return
	}
	s.GaugeFunc("sequence_parked", "Sequence numbers without a clear answer, kept until their segments come back.", func(emit metric.Emit) {
		emit(float64(p.numbers.Stats().Parked))
	})
	s.CounterFunc("sequence_forgotten_total", "Sequence numbers given up without a clear answer: what they carried may come twice.", func(emit metric.Emit) {
		emit(float64(p.numbers.Stats().Forgotten))
	})
}

func (p *Producer) emitAllowed(emit metric.Emit) {
	for logstore, n := range p.scheduler.Snapshot().Allowed {
		emit(float64(n), logstore)
	}
}
