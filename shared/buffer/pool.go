// Package buffer lends byte slices in a few sizes, so that a plugin's large ones
// are made once and not for each request. It knows nothing of what they hold.
package buffer

import (
	"math/bits"
	"sync"
)

// Buffers come in sizes of four steps to a power of two, 4 KiB to 16 MiB: none has more
// than a quarter to spare. A larger one is allocated for the occasion and not kept.
const (
	smallest = 12 // 4 KiB = 1<<12
	largest  = 24 // 16 MiB
	steps    = 4
)

// Pool is a set of buffers that may be lent. The zero value is ready; it is safe
// for concurrent use. What nobody has borrowed is the garbage collector's to take.
type Pool struct {
	classes [(largest-smallest)*steps + 1]sync.Pool // of *[]byte
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
	if b, ok := p.classes[c].Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, size(c))
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
	b = b[:0]
	p.classes[c].Put(&b)
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
