package sls

import (
	"errors"
	"io"
	"sync"
)

// requestBody hands a request's bytes to the transport until it is released. The
// transport may go on reading for a moment after RoundTrip has failed. A released body
// gives it nothing more. So the caller may reuse the bytes, and no more can have been
// sent than was read by then.
type requestBody struct {
	mu       sync.Mutex
	data     []byte // guarded by mu, as the rest
	pos      int
	released bool
}

var errReleased = errors.New("request is over")

func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pos == len(b.data) {
		// io.EOF also when it was released after all was read: the transport looks once
		// more for bytes beyond Content-Length, and another error would cost the
		// connection.
		return 0, io.EOF
	}
	if b.released {
		return 0, errReleased
	}
	n := copy(p, b.data[b.pos:])
	b.pos += n
	return n, nil
}

// Close does nothing: release does.
func (b *requestBody) Close() error { return nil }

func (b *requestBody) rewind() (io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.released {
		return nil, errReleased
	}
	b.pos = 0
	return b, nil
}

// release lets go of the bytes and reports whether all of them had been read.
func (b *requestBody) release() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.released = true
	if b.pos < len(b.data) {
		b.data, b.pos = nil, -1
		return false
	}
	b.data, b.pos = nil, 0
	return true
}
