// Package buffer lends byte slices in a few sizes, so that a plugin's large ones
// are made once and not for each request. It knows nothing of what they hold.
package buffer

import (
	"math/bits"
	"runtime"
	"sync"
	"time"
	"weak"
)

// Buffers come in sizes of four steps to a power of two, 4 KiB to 16 MiB: none has more
// than a quarter to spare. A larger one is allocated for the occasion and not kept.
const (
	smallest = 12 // 4 KiB = 1<<12
	largest  = 24 // 16 MiB
	steps    = 4
)

// keep is for how long buffers are kept that nobody needs, at least.
const keep = 10 * time.Second

// Pool is a set of buffers that may be lent. The zero value is ready; it is safe
// for concurrent use. What nobody has needed for a while is the garbage collector's to take.
//
// It is no sync.Pool: that keeps buffers for each processor. One that is put back on a
// processor is not found on another, and a large one more is made.
type Pool struct {
	mu      sync.Mutex // guards the rest; it is taken for a moment, alone
	classes [(largest-smallest)*steps + 1]shelf
	looked  time.Time // when surplus was last dropped
	watched bool      // a collection is awaited
}

// shelf has the buffers of one size that are not lent.
type shelf struct {
	free  [][]byte
	least int // of free, since surplus was last dropped
}

// class is the number of the smallest class with room for n bytes.
func class(n int) int {
	if n <= 1<<smallest {
		return 0
	}
	power := bits.Len(uint(n-1)) - 1 // 1<<power < n
	step := (n - 1 - 1<<power) >> (power - 2)
	return (power-smallest)*steps + step + 1
}

// size is how many bytes a buffer of a class has.
func size(class int) int {
	power, step := smallest+class/steps, class%steps
	return (steps + step) << (power - 2)
}

// Room is the capacity, in bytes, of what Get returns for n bytes.
func Room(n int) int {
	if n > 1<<largest {
		return n
	}
	return size(class(n))
}

// Get returns an empty slice with room for n bytes. What lies behind its length is
// left over from others.
func (p *Pool) Get(n int) []byte {
	if n > 1<<largest {
		return make([]byte, 0, n)
	}
	c := class(n)
	if b := p.take(c); b != nil {
		return b
	}
	return make([]byte, 0, size(c))
}

func (p *Pool) take(c int) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &p.classes[c]
	n := len(s.free) - 1
	if n < 0 {
		return nil
	}
	b := s.free[n]
	s.free[n] = nil
	s.free = s.free[:n]
	s.least = min(s.least, n)
	return b
}

// Put takes a slice over, from wherever it came; nil is allowed. One that has grown
// goes to the class it fills, one below the smallest is not kept.
func (p *Pool) Put(b []byte) {
	if cap(b) < 1<<smallest || cap(b) > 1<<largest {
		return
	}
	c := class(cap(b))
	if size(c) > cap(b) {
		c--
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.classes[c].free = append(p.classes[c].free, b[:0])
	if !p.watched {
		p.watched = true
		awaitCollection(p)
	}
}

// awaitCollection drops surplus after the next collection, and those that follow. It does
// not keep p from being collected itself.
func awaitCollection(p *Pool) {
	seen := new([16]byte) // garbage: its cleanup runs when a collection has found it
	runtime.AddCleanup(seen, func(p weak.Pointer[Pool]) {
		if p := p.Value(); p != nil {
			p.dropSurplus(time.Now())
			awaitCollection(p)
		}
	}, weak.Make(p))
}

// dropSurplus lets go of what nobody has needed since the last time.
func (p *Pool) dropSurplus(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.looked) < keep {
		return
	}
	p.looked = now
	for i := range p.classes {
		s := &p.classes[i]
		n := copy(s.free, s.free[s.least:])
		clear(s.free[n:])
		s.free, s.least = s.free[:n], n
	}
}

// Fit takes b over and moves its content to a smaller buffer if that saves half or more.
func (p *Pool) Fit(b []byte) []byte {
	if cap(b) <= 1<<smallest || len(b) > cap(b)/2 {
		return b
	}
	small := append(p.Get(len(b)), b...)
	p.Put(b)
	return small
}
