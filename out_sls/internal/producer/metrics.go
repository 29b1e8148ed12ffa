package producer

import (
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
}

func (p *Producer) emitAllowed(emit metric.Emit) {
	for logstore, n := range p.scheduler.Snapshot().Allowed {
		emit(float64(n), logstore)
	}
}
