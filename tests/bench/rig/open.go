package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"testing"
	"time"
)

// Bench is a lab in the hands of a benchmark: what fails ends the benchmark.
type Bench struct {
	Lab
	tb testing.TB
}

// Open returns the lab that the driver has started, or starts one in this process
// that ends with the benchmark.
func Open(tb testing.TB) *Bench {
	tb.Helper()
	lab, given, err := labOf()
	if err != nil {
		tb.Fatal(err)
	}
	if given {
		return &Bench{lab, tb}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan Lab, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := Serve(ctx, func(l Lab) { ready <- l }); err != nil {
			tb.Error(err)
			close(ready)
		}
	})
	tb.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return &Bench{<-ready, tb}
}

// Counts returns what the emulator has counted so far.
func (b *Bench) Counts() Counts {
	b.tb.Helper()
	var c Counts
	if err := b.ask(b.tb.Context(), http.MethodGet, "/counts", nil, &c); err != nil {
		b.tb.Fatal(err)
	}
	return c
}

// Delay makes the emulator answer each PutLogs after d.
func (b *Bench) Delay(d time.Duration) {
	b.tb.Helper()
	b.order(Order{Delay: d}, &struct{}{})
}

// Fill makes and fills a logstore.
func (b *Bench) Fill(f Fill) Filled {
	b.tb.Helper()
	var filled Filled
	b.order(Order{Fill: &f}, &filled)
	return filled
}

func (b *Bench) order(o Order, v any) {
	b.tb.Helper()
	body, err := json.Marshal(o)
	if err == nil {
		err = b.ask(b.tb.Context(), http.MethodPost, "/order", bytes.NewReader(body), v)
	}
	if err != nil {
		b.tb.Fatal(err)
	}
}

// Delivered fails the benchmark unless the emulator has taken exactly these logs
// since before, with every request accepted: what was dropped or refused costs
// little.
func (b *Bench) Delivered(before Counts, logs int) {
	b.tb.Helper()
	now := b.Counts()
	if now.Logs-before.Logs != int64(logs) || now.Refused != before.Refused {
		b.tb.Fatalf("sent %d logs, the emulator took %d and refused %d requests",
			logs, now.Logs-before.Logs, now.Refused-before.Refused)
	}
}
