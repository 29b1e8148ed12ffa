package group

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/in_sls/internal/lease"
)

// A lease that ends late takes the next one of its shard off no list: the heartbeat
// would not report a shard that is read.
func TestEndOfAnOldLease(t *testing.T) {
	old, now := &lease.Lease{Shard: 3}, &lease.Lease{Shard: 3}
	g := &Group{held: map[int]*lease.Lease{3: now}}
	g.Ended(old, lease.Over)
	require.Equal(t, []int{3}, g.heldShards())
	g.Ended(now, lease.Over)
	require.Empty(t, g.heldShards())
}

// A list may be older than the last commits: a lease remembers those before, but not for ever.
func TestLeaseRemembersItsLastWrites(t *testing.T) {
	var c checkpoints
	for i := range 1000 {
		c.remember(strconv.Itoa(i))
		c.remember(strconv.Itoa(i))
	}
	require.Len(t, c.written, keptWrites)
	require.Equal(t, "999", c.written[keptWrites-1])
	require.Equal(t, strconv.Itoa(1000-keptWrites), c.written[0])
}
