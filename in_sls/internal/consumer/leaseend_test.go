package consumer

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A lease that has run out commits nothing, even before anybody has noticed: as when
// the process was stopped for a while.
func TestNothingIsCommittedBehindTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 1)
		a := r.agent("a", "handoff_delay", "300ms", "checkpoint_interval", "5s")
		advance(6 * time.Second)
		require.Len(t, a.collect(), 1)
		require.Equal(t, 0, r.committed(0))
		a.group().clock.renew(time.Now().Add(-time.Hour), time.Minute)
		advance(6 * time.Second)
		require.Equal(t, 0, r.committed(0))
	})
}

// A lease that ends late takes the next one of its shard off no list: the heartbeat
// would not report a shard that is read.
func TestEndOfAnOldLease(t *testing.T) {
	old, now := &lease{shard: 3, epoch: 1}, &lease{shard: 3, epoch: 2}
	g := &group{leases: map[int]*lease{3: now}}
	g.ended(old)
	require.Equal(t, []int{3}, g.held())
	g.ended(now)
	require.Empty(t, g.held())
}
