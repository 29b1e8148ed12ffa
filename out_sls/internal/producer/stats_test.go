package producer

import (
	"fluent-bit-sls/out_sls/internal/report"
	"fluent-bit-sls/shared/metric"
)

// Stats are the totals of the metrics over all logstores.
type Stats struct {
	Records, Requests, Retries, Skipped, Ambiguous, Dropped, DeadLetters, Rewritten, Corrupt, Remembered, Refused, Forgotten uint64
}

// Stats is a snapshot of the totals.
func (p *Producer) Stats() Stats {
	total := map[string]uint64{}
	p.metrics.Set.Each(func(f *metric.Family, s *metric.Sample) {
		if f.Kind == metric.KindCounter {
			total[f.Name] += uint64(s.Value)
			if f.Name == "avoided_duplicates_total" {
				total[s.Labels[1]] += uint64(s.Value)
			}
		}
	})
	return Stats{
		Records: total["records_total"], Requests: total["requests_total"], Retries: total["request_retries_total"],
		Skipped: total["skipped_segments_total"], Ambiguous: total["ambiguous_requests_total"],
		Dropped: total["dropped_records_total"], DeadLetters: total["dead_letter_records_total"],
		Rewritten: total["rewritten_times_total"], Corrupt: total["corrupt_chunks_total"],
		Remembered: total[report.AvoidedByMemory], Refused: total[report.AvoidedBySequence],
		Forgotten: total["sequence_forgotten_total"],
	}
}
