package rig

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// CPU is what this process has used so far: user and system time of all its
// threads, those of the collector included. Unlike wall time it is about the same
// whatever else the machine does.
func CPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // not reached: both arguments are valid
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Work is something whose CPU time is measured; Name is "" where it is the only one.
type Work struct {
	Name string
	Do   func()
}

// CPUEach reports what each work, called n times, has cost the process each time, as
// NAME-cpu-ns/chunk; n is a multiple of ten. They take turns of ten calls, some 30 ms: a machine that others
// slow down for a second does so for all of them.
func CPUEach(b *testing.B, n int, works ...Work) {
	b.Helper()
	const turn = 10
	spent := make([]time.Duration, len(works))
	for i := -1; i < n/turn; i++ {
		for k, w := range works {
			begin := CPU()
			for range turn {
				w.Do()
			}
			if i >= 0 { // before that the pools fill
				spent[k] += CPU() - begin
			}
		}
	}
	for k, w := range works {
		unit := strings.TrimPrefix(w.Name+"-cpu-ns/chunk", "-")
		b.ReportMetric(float64(spent[k])/float64(n), unit)
	}
}

// RSS is the resident size of this process in bytes.
func RSS() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	return parseRSS(status)
}

// parseRSS reads the line "VmRSS:     1234 kB".
func parseRSS(status []byte) (int64, error) {
	for line := range bytes.Lines(status) {
		value, ok := strings.CutPrefix(string(line), "VmRSS:")
		if !ok {
			continue
		}
		kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		return kb << 10, err
	}
	return 0, fmt.Errorf("no VmRSS in %d bytes of process status", len(status))
}

// WatchRSS looks at the resident size every 20 ms. The function it returns ends
// that and returns the largest seen, in bytes.
func WatchRSS() (stop func() (int64, error)) {
	ctx, cancel := context.WithCancel(context.Background())
	var peak int64
	var failed error
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			n, err := RSS()
			if err != nil {
				failed = err
				return
			}
			peak = max(peak, n)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	return func() (int64, error) {
		cancel()
		wg.Wait()
		return peak, failed
	}
}
