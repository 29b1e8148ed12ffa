package buffer

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func (p *Pool) kept(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.classes[class(n)].free)
}

func TestSurplusIsDroppedAndWhatIsNeededStays(t *testing.T) {
	var p Pool
	now := time.Now()
	lend := func(n int) {
		var lent [][]byte
		for range n {
			lent = append(lent, p.Get(1<<20))
		}
		for _, b := range lent {
			p.Put(b)
		}
	}
	p.dropSurplus(now)
	lend(5)
	now = now.Add(keep)
	p.dropSurplus(now) // all five were needed: none lay there before
	require.Equal(t, 5, p.kept(1<<20))
	lend(2)
	p.dropSurplus(now.Add(keep - 1))
	require.Equal(t, 5, p.kept(1<<20), "too early")
	now = now.Add(keep)
	p.dropSurplus(now)
	require.Equal(t, 2, p.kept(1<<20))
	now = now.Add(keep)
	p.dropSurplus(now)
	require.Zero(t, p.kept(1<<20))
}

// What nobody needs goes with a collection, without another call of the pool.
func TestCollectionDropsSurplus(t *testing.T) {
	var p Pool
	p.Put(make([]byte, 0, 1<<20))
	collectUntil(t, func() bool {
		p.mu.Lock()
		p.looked = time.Time{} // long ago
		p.mu.Unlock()
		return p.kept(1<<20) == 0
	})
}

// collectUntil collects garbage until something that a collection begins is done.
func collectUntil(t *testing.T, done func() bool) {
	t.Helper()
	for begin := time.Now(); !done(); runtime.GC() {
		require.Less(t, time.Since(begin), 20*time.Second)
	}
}

// What waits for collections does not keep the pool.
func TestPoolIsCollected(t *testing.T) {
	gone := make(chan struct{})
	func() {
		p := &Pool{}
		runtime.AddCleanup(p, func(gone chan struct{}) { close(gone) }, gone)
		p.Put(make([]byte, 0, 1<<20))
	}()
	collectUntil(t, func() bool {
		select {
		case <-gone:
			return true
		default:
			return false
		}
	})
}

// A buffer that is put back is lent again, whichever processor asks.
func TestLentBuffersAreNotMadeAnew(t *testing.T) {
	var p Pool
	made := map[*byte]bool{}
	for range 100 {
		done := make(chan []byte)
		go func() { done <- p.Get(1 << 20) }()
		b := <-done
		made[&b[:1][0]] = true
		p.Put(b)
	}
	require.Len(t, made, 1)
}
