package shard

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPace(t *testing.T) {
	p := pace{least: 100 * time.Millisecond}
	require.Zero(t, p.after(100, 100, 1000), "a full answer")
	require.Zero(t, p.after(3, 100, behindBytes), "an answer bounded by size")
	require.Equal(t, 100*time.Millisecond, p.after(99, 100, 1000))
	for _, want := range []int{100, 200, 400, 500, 500} {
		require.Equal(t, time.Duration(want)*time.Millisecond, p.after(0, 100, 0))
	}
	require.Equal(t, 100*time.Millisecond, p.after(1, 100, 10), "data ends the idle pace")
	require.Equal(t, 100*time.Millisecond, p.after(0, 100, 0))

	require.Equal(t, 200*time.Millisecond, p.throttled())
	require.Equal(t, 400*time.Millisecond, p.throttled())
	require.Equal(t, 200*time.Millisecond, p.after(100, 100, 1000), "slow even while behind")
	for range 10 {
		p.throttled()
	}
	require.Equal(t, slowMost, p.throttled())
	for range 10 {
		p.after(100, 100, 1000)
	}
	require.Zero(t, p.after(100, 100, 1000), "and fast again")

	slow := pace{least: 3 * time.Second}
	require.Equal(t, 3*time.Second, slow.after(0, 100, 0), "fetch_interval is the least pause")
}

func TestPullSize(t *testing.T) {
	s := newPullSize(100, 100<<20, false)
	require.Equal(t, pullTarget/groupGuess, s.count())
	for range 20 {
		s.learn(100, 100<<10, 120<<10)
	}
	require.Equal(t, 100, s.count(), "small groups: as many as allowed")
	s.learn(1, 2<<20, 3<<20)
	require.Equal(t, 2, s.count(), "large groups: about the target")
	require.True(t, s.shrink(2, 0, 0))
	require.Equal(t, 1, s.count())
	s.learn(1, 1024, 1024)
	require.Equal(t, 2, s.count(), "and more again, step by step")
	require.Equal(t, int64(pullLeast), int64(newPullSize(100, 1<<20, false).target))
}
