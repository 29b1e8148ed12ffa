package flbhost

import (
	"syscall"
	"time"
	"unsafe"
)

// clock turns the host's CLOCK_MONOTONIC into times of this process. Both run on
// the same clock, which Go keeps to itself: the two are read one after the other.
type clock struct {
	base time.Time
	zero int64 // nanoseconds at base
}

// newClock takes the closest of several pairs of readings: between two of them
// this process may have to wait.
func newClock() clock {
	var c clock
	gap := time.Duration(1<<63 - 1)
	for range 5 {
		before := time.Now()
		ns := monotonic()
		if d := time.Since(before); d < gap {
			gap, c = d, clock{base: before, zero: ns}
		}
	}
	return c
}

func (c clock) time(ns int64) time.Time { return c.base.Add(time.Duration(ns - c.zero)) }

// monotonic reads CLOCK_MONOTONIC in nanoseconds.
func monotonic() int64 {
	const clockMonotonic = 1
	var ts syscall.Timespec
	// The only error is that of a clock that does not exist.
	_, _, _ = syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano()
}
