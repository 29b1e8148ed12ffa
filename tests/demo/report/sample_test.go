package report_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"fluent-bit-sls/tests/demo/report"
)

// sample is a run as the demo makes them: figures of its size, from a fixed seed.
func sample() *report.Run {
	rnd := rand.New(rand.NewPCG(1, 2))
	times := func(n int, least, spread time.Duration) []time.Duration {
		out := make([]time.Duration, n)
		for i := range out {
			f := rnd.Float64()
			out[i] = least + time.Duration(f*f*f*f*float64(spread))
		}
		return out
	}
	r := &report.Run{
		Began: time.Date(2026, 3, 12, 8, 0, 0, 0, time.UTC), Took: 8100 * time.Millisecond,
		Host: "fluent-bit 5.1.1", Lines: 100_000, Bytes: 30_500_000, ReadBack: 100_000,
		Facts: []report.Fact{
			{Name: "host", Value: "fluent-bit 5.1.1"},
			{Name: "data", Value: "100,000 lines of a generated access log, 30.5 MB"},
			{Name: "endpoint", Value: "the emulator on http://127.0.0.1:45505, project demo, logstore app, 4 shards"},
		},
		Sections: []report.Section{
			{Title: "out_sls", Options: []report.Fact{
				{Name: "endpoint", Value: "http://127.0.0.1:45505"}, {Name: "access_key_secret", Value: "***"},
			}},
			{Title: "in_sls", Options: []report.Fact{
				{Name: "consumer_group", Value: "demo"}, {Name: "access_key_secret", Value: "***"},
			}},
		},
		Phases: []report.Phase{
			{Name: "ship", From: 100 * time.Millisecond, To: 700 * time.Millisecond},
			{Name: "read", From: 1700 * time.Millisecond, To: 4400 * time.Millisecond},
			{Name: "checkpoints", From: 4400 * time.Millisecond, To: 7 * time.Second},
		},
		Speeds: []report.Speed{
			{Name: "out_sls", Lines: 100_000, Took: 600 * time.Millisecond},
			{Name: "in_sls", Lines: 100_000, Took: 2700 * time.Millisecond},
		},
		Calls: []report.Call{
			{Name: "PutLogs", Wire: 11_200_000, Raw: 32_900_000, Took: times(45, 2*time.Millisecond, 60*time.Millisecond)},
			{Name: "PullLogs with data", Wire: 11_100_000, Raw: 32_900_000, Took: times(20, 3*time.Millisecond, 20*time.Millisecond)},
			{Name: "PullLogs at the end", Took: times(60, 80*time.Microsecond, 3*time.Millisecond)},
		},
	}
	for i := range 45 {
		r.Stored = append(r.Stored, report.Arrival{At: time.Duration(300+8*i) * time.Millisecond, Lines: 100_000/45 + min(1, i/35)})
	}
	for i := range 3 {
		r.Read = append(r.Read, report.Arrival{At: time.Duration(2600+900*i) * time.Millisecond, Lines: []int{50_000, 40_000, 10_000}[i]})
	}
	for i := range 4 {
		r.Shards = append(r.Shards, report.Shard{
			ID: i, Begin: fmt.Sprintf("%x0000000000000000000000000000000", i*4), End: fmt.Sprintf("%x0000000000000000000000000000000", i*4+4),
			Stored: 20_000 + 3333*i, Read: 20_000 + 3333*i, Bytes: 7_000_000, Groups: 11, CheckpointDone: true,
		})
	}
	for _, name := range []string{"Every line was stored", "Nothing was stored twice", "Every stored log came back", "Order within each shard"} {
		r.Checks = append(r.Checks, report.Check{
			Name: name, Outcome: report.OutcomePassed, Found: "100,000 of 100,000 lines.", Fails: "out_sls says FLB_OK for a record that SLS does not have",
		})
	}
	return r
}

// lossy is sample with lines lost on their way.
func lossy() *report.Run {
	r := sample()
	r.ReadBack, r.Lost, r.Duplicated = 99_998, 3, 1
	r.Checks[2].Outcome, r.Checks[2].Found = report.OutcomeFailed, "3 logs are missing."
	r.Checks[3].Outcome = report.OutcomeOpen
	r.Shards[1].Read -= 3
	r.Calls[1].Took = []time.Duration{300 * time.Millisecond} // one bar
	r.Shards[1].CheckpointDone = false
	r.Error = "consume: 99998 of 100000 lines read back: context deadline exceeded\n[error] <b>no & such</b>"
	return r
}
