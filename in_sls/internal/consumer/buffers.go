package consumer

import (
	"math/bits"
	"sync"
)

// Buffers come in sizes of a power of two, 64 KiB to 16 MiB. A larger one is
// allocated for the occasion and not kept.
const (
	smallestBuffer = 16 // 64 KiB = 1<<16
	largestBuffer  = 24 // 16 MiB
)

// buffers lends byte slices to the readers. What nobody has borrowed is the
// garbage collector's to take.
type buffers struct {
	classes [largestBuffer - smallestBuffer + 1]sync.Pool // of *[]byte
}

// class is the number of the smallest class with room for n bytes.
func class(n int) int {
	return max(bits.Len(uint(max(n, 1)-1)), smallestBuffer)
}

// roomFor is the capacity get returns for n bytes.
func roomFor(n int) int {
	if c := class(n); c <= largestBuffer {
		return 1 << c
	}
	return n
}

// get returns an empty slice with room for n bytes.
func (p *buffers) get(n int) []byte {
	c := class(n)
	if c > largestBuffer {
		return make([]byte, 0, n)
	}
	if b, ok := p.classes[c-smallestBuffer].Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, 1<<c)
}

// put takes a slice back. One that has grown goes to the class it fills.
func (p *buffers) put(b []byte) {
	c := bits.Len(uint(cap(b))) - 1
	if c < smallestBuffer || c > largestBuffer {
		return
	}
	b = b[:0]
	p.classes[c-smallestBuffer].Put(&b)
}

// fit moves the content of b to a smaller buffer where that saves half or
// more: what waits in the queue is charged by its capacity.
func (p *buffers) fit(b []byte) []byte {
	if cap(b) <= 1<<smallestBuffer || len(b) > cap(b)/2 {
		return b
	}
	small := append(p.get(len(b)), b...)
	p.put(b)
	return small
}
