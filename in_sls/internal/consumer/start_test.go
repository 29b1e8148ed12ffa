package consumer

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// Where shards start that were split or merged before the group existed, while it came
// into being, and after.

// inOrderAndNot runs a test in a bubble, with in_order on and off.
func inOrderAndNot(t *testing.T, test func(t *testing.T, r *rig, order string)) {
	t.Helper()
	for _, order := range []string{"on", "off"} {
		t.Run("in_order "+order, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, newRig(t, 1), order) })
		})
	}
}

// distinct are the numbers of the records that agents have handed over, each once.
func distinct(agents ...*agent) []int {
	all := []int{}
	for _, a := range agents {
		all = append(all, ids(a.got)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// slowHeartbeat delays the first heartbeat of a consumer.
func (r *rig) slowHeartbeat(consumer string, d time.Duration) {
	first := true
	r.srv.Hook(slsfake.OpHeartbeat, func(c *slsfake.Call) {
		if c.Consumer == consumer && first {
			first = false
			c.Delay(d)
		}
	})
}

// A logstore was split, its parent is still listed; then a group begins with two members,
// and the second gets shards before the first. Both read what start_position says and
// nothing else, whatever its form, and whether the split is of long ago or of just now.
func TestNewGroupAfterASplit(t *testing.T) {
	for _, age := range []time.Duration{40 * time.Minute, 5 * time.Minute, 3 * time.Second} {
		for _, start := range []string{"begin", "end", "before", "ago", "after", "future"} {
			t.Run(age.String()+" ago, "+start, func(t *testing.T) {
				inOrderAndNot(t, func(t *testing.T, r *rig, order string) {
					r.put(0, 5)
					advance(time.Minute)
					split := time.Now()
					r.split(0)
					r.put(1, 5)
					r.put(2, 5)
					advance(age)
					want := numbers(16, 18)
					value := start
					switch start {
					case "begin":
						want = numbers(1, 18)
					case "before":
						value = strconv.FormatInt(split.Add(-30*time.Second).Unix(), 10)
						want = numbers(6, 18)
					case "ago":
						value = (age / 2).String()
					case "after":
						value = strconv.FormatInt(split.Add(age/2).Unix()+1, 10)
					case "future":
						value = strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)
					}
					r.slowHeartbeat("a", 2500*time.Millisecond)
					a := r.agent("a", "start_position", value, "in_order", order)
					collectFor(1, a)
					b := r.agent("b", "start_position", value, "in_order", order)
					collectFor(10, a, b)
					r.put(1, 1)
					r.put(2, 1)
					collectFor(90, a, b)
					r.put(1, 1)
					collectFor(90, a, b)
					require.Equal(t, want, distinct(a, b))
				})
			})
		}
	}
}

// A shard is opened at its end, and split right after: before the member has written where
// it began, or while it cannot. Nothing written since is skipped, also by another member.
func TestSplitWhileTheGroupBegins(t *testing.T) {
	for name, c := range map[string]struct{ commits, until time.Duration }{
		"commits work":              {},
		"the first commit is slow":  {commits: 5 * time.Second},
		"commits fail for a minute": {until: time.Minute},
		"commits fail for long":     {until: 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			inOrderAndNot(t, func(t *testing.T, r *rig, order string) {
				begin := time.Now()
				r.srv.Hook(slsfake.OpUpdateCheckpoint, func(call *slsfake.Call) {
					if time.Since(begin) < c.until {
						call.Fail(http.StatusServiceUnavailable, "ServerBusy", "later")
					} else if c.commits > 0 && time.Since(begin) < time.Second {
						call.Delay(c.commits)
					}
				})
				a := r.agent("a", "start_position", "end", "in_order", order)
				b := r.agent("b", "start_position", "end", "in_order", order)
				collectFor(1, a, b)
				r.split(0)
				r.put(1, 2)
				r.put(2, 2)
				collectFor(30, a, b)
				r.put(1, 2)
				r.put(2, 2)
				collectFor(400, a, b)
				require.Equal(t, numbers(1, 8), distinct(a, b))
			})
		})
	}
}

// The children of old merges and of three generations of splits are left alone as well.
func TestNewGroupAfterGenerations(t *testing.T) {
	inOrderAndNot(t, func(t *testing.T, r *rig, order string) {
		fill := func() {
			for _, sh := range r.srv.Shards(testProject, testLogstore) {
				if !sh.ReadOnly {
					r.put(sh.ID, 1)
				}
			}
		}
		for _, change := range []func(){
			func() { r.split(0) }, // 1, 2
			func() { r.split(1) }, // 3, 4
			func() { require.NoError(t, r.srv.MergeShards(testProject, testLogstore, 4)) }, // 5, of 4 and 2
			func() { r.split(5) }, // 6, 7
			func() { require.NoError(t, r.srv.MergeShards(testProject, testLogstore, 3)) }, // 8, of 3 and 6
		} {
			fill()
			advance(20 * time.Minute)
			change()
		}
		fill()
		old := r.seq
		advance(time.Hour)
		a := r.agent("a", "start_position", "end", "in_order", order)
		b := r.agent("b", "start_position", "end", "in_order", order)
		collectFor(5, a, b)
		fill()
		collectFor(120, a, b)
		r.split(8)
		fill()
		collectFor(60, a, b)
		fill()
		collectFor(60, a, b)
		require.Equal(t, numbers(old+1, r.seq), distinct(a, b))
	})
}

// A member that joins an hour later and takes over keeps to that: what was there before the
// group stays unread, what was split since is read whole.
func TestTakeOverAnHourLater(t *testing.T) {
	for _, start := range []string{"end", "30m"} {
		t.Run(start, func(t *testing.T) {
			inOrderAndNot(t, func(t *testing.T, r *rig, order string) {
				r.put(0, 5)
				r.split(0)
				r.put(1, 5)
				r.put(2, 5)
				advance(40 * time.Minute)
				a := r.agent("a", "start_position", start, "in_order", order)
				collectFor(5, a)
				r.put(1, 1)
				collectFor(3600, a)
				require.NoError(t, a.Stop(t.Context()))
				r.split(1)
				r.put(3, 1)
				advance(time.Hour)
				r.put(4, 1)
				b := r.agent("b", "start_position", start, "in_order", order)
				collectFor(200, a, b)
				require.Equal(t, numbers(16, 18), distinct(a, b))
			})
		})
	}
}

// A group that is deleted and made anew is a new group.
func TestGroupMadeAnewAfterASplit(t *testing.T) {
	inOrderAndNot(t, func(t *testing.T, r *rig, order string) {
		a := r.agent("a", "start_position", "end", "in_order", order)
		collectFor(30, a)
		r.put(0, 5)
		collectFor(10, a)
		r.split(0)
		r.put(1, 5)
		r.put(2, 5)
		collectFor(30, a)
		r.deleteGroup()
		collectFor(30, a)
		r.put(1, 1)
		r.put(2, 1)
		collectFor(60, a)
		require.Zero(t, requireAll(t, 17, a), "and nothing twice")
	})
}

// A parent in which nothing was ever written may never be handed out: its children do
// not wait for ever, and are not read from their beginning.
func TestChildrenOfAnEmptyShard(t *testing.T) {
	inOrderAndNot(t, func(t *testing.T, r *rig, order string) {
		r.split(0)
		r.put(1, 5)
		r.put(2, 5)
		advance(40 * time.Minute)
		a := r.agent("a", "start_position", "end", "in_order", order)
		collectFor(120, a)
		r.put(1, 1)
		r.put(2, 1)
		collectFor(10, a)
		require.Equal(t, numbers(11, 12), distinct(a))
	})
}

// The server lets nobody write the checkpoint of a shard that is not held. The shard's
// children are then read from their beginning rather than never, and the log says so.
func TestChildrenThatCannotBePlaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 1)
		r.split(0)
		r.put(1, 1)
		r.put(2, 1)
		advance(40 * time.Minute)
		seen := map[int]bool{}
		r.srv.Hook(slsfake.OpUpdateCheckpoint, func(c *slsfake.Call) {
			if shard := c.Shard; shard != 0 && !seen[shard] { // the first time it is not held
				seen[shard] = true
				c.Fail(http.StatusBadRequest, "ConsumerNotMatch", "not yours")
			}
		})
		a := r.agent("a", "start_position", "end")
		collectFor(60, a)
		require.Equal(t, numbers(2, 3), distinct(a))
		require.Equal(t, 2, a.log.count("it is read from its beginning"))
		require.Zero(t, a.Stats().LeasesLost)
	})
}

// Two members open both parents of a merge at once, in a group without order, and both would
// place the first checkpoint of the child, one of them later. It must not move the child
// forward: a third member has begun to read it, and dies.
func TestTwoParentsPlaceOneChild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		r.put(0, 5)
		r.put(1, 5)
		require.NoError(t, r.srv.MergeShards(testProject, testLogstore, 0)) // 2, of 0 and 1
		r.put(2, 5)
		advance(40 * time.Minute)
		opened := time.Now().Add(20 * time.Second) // each member has one shard by then
		var mu sync.Mutex
		first := ""
		r.srv.Hook(slsfake.OpGetCursor, func(c *slsfake.Call) {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case c.Shard < 2:
				c.Delay(time.Until(opened))
			case first == "":
				first = c.AccessKeyID
				c.Delay(time.Second) // until both have looked whether there is a checkpoint
			case c.AccessKeyID != first:
				c.Delay(4 * time.Second)
			}
		})
		// One after the other, so that it is clear who gets which shard. When a parent is
		// finished SLS may take a shard from one that has as many as others: not from "a".
		var alive []*agent
		const dead = "a"
		for _, one := range []struct {
			name  string
			shard int
		}{{"c", 0}, {dead, 2}, {"b", 1}} {
			a := r.agent(one.name, "start_position", "end", "in_order", "off", "heartbeat_timeout", "6s")
			if one.name != dead {
				alive = append(alive, a)
			}
			advance(6 * time.Second)
			require.Contains(t, r.holds(one.name), one.shard)
		}
		require.Equal(t, [][]int{{0}, {1}, {2}}, [][]int{r.holds("c"), r.holds("b"), r.holds(dead)})
		advance(time.Until(opened) + 2*time.Second)
		r.put(2, 3)
		advance(3 * time.Second)
		require.Equal(t, []int{2}, r.holds(dead))
		for _, op := range []slsfake.Op{slsfake.OpHeartbeat, slsfake.OpUpdateCheckpoint, slsfake.OpPullLogs} {
			r.srv.Hook(op, func(c *slsfake.Call) {
				if c.AccessKeyID == dead {
					c.CloseBefore()
				}
			})
		}
		collectFor(60, alive...)
		require.Equal(t, numbers(16, 18), distinct(alive...))
	})
}
