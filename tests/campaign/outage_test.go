package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSlowEndDuringAnOutageIsFound(t *testing.T) {
	for took, found := range map[time.Duration]bool{exitBound: false, exitBound + time.Millisecond: true} {
		w := &world{failures: &failures{out: &bytes.Buffer{}}, faults: &faults{silent: map[string]bool{"key": true}}}
		l := &lane{world: w, key: key{id: "key"}}
		h := &host{lane: l, outage: true}
		h.endedSilently(endExit, took, 7)
		require.Equal(t, found, w.failures.count() > 0, took)
		require.False(t, w.faults.silenced("key"))
		require.Equal(t, exits{count: 1, queued: 7, longest: took}, l.exits)
		require.Contains(t, tellExits([]*lane{l, {}}), "1 ends of hosts while SLS did not answer, with up to 7 flushes queued")
	}
}

func TestFlushesAreQueuedForAnOutage(t *testing.T) {
	for workers, want := range map[int]int{0: 8, 1: 8, 4: 32} {
		require.Equal(t, want, (&host{workers: workers, outage: true}).flushers())
		require.Equal(t, max(1, workers), (&host{workers: workers}).flushers())
	}
}
