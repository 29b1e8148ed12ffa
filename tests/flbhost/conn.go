package flbhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// errEnded answers calls made after the process ended in good order.
var errEnded = errors.New("flbhost has ended")

// conn is the driver's end of the request pipe and the calls that wait.
type conn struct {
	wmu sync.Mutex // serialises frames on w; taken alone
	w   *os.File

	mu      sync.Mutex // guards the fields below
	nextID  uint64
	pending map[uint64]chan answer
	closed  bool
	err     error // why it is closed
}

type answer struct {
	body []byte
	err  error
}

func newConn(w *os.File) *conn {
	return &conn{w: w, pending: map[uint64]chan answer{}}
}

// expect registers a call under id; settle or close will answer it.
func (c *conn) expect(id uint64) chan answer {
	ch := make(chan answer, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		ch <- answer{err: c.err}
		return ch
	}
	c.pending[id] = ch
	return ch
}

func (c *conn) forget(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, id)
}

// call sends a request (fields, then rest) and waits for its answer. A failed
// write is not an error of its own: the process is about to be found dead, and
// the answer will say how it died.
func (c *conn) call(ctx context.Context, kind byte, fields, rest []byte) ([]byte, error) {
	if size := frameHead + len(fields) + len(rest); size > maxFrame {
		return nil, fmt.Errorf("request of %d bytes, at most %d can be sent", size, maxFrame)
	}
	c.mu.Lock()
	c.nextID++
	id := c.nextID
	c.mu.Unlock()
	ch := c.expect(id)
	c.send(kind, id, fields, rest)
	return c.wait(ctx, id, ch)
}

func (c *conn) send(kind byte, id uint64, fields, rest []byte) {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if _, err := c.w.Write(appendFrame(nil, kind, id, fields, len(rest))); err == nil && len(rest) > 0 {
		_, _ = c.w.Write(rest)
	}
}

func (c *conn) wait(ctx context.Context, id uint64, ch chan answer) ([]byte, error) {
	select {
	case a := <-ch:
		return a.body, a.err
	case <-ctx.Done():
		c.forget(id)
		return nil, ctx.Err()
	}
}

// settle hands an answer to its call, which may have given up meanwhile.
func (c *conn) settle(f frame) error {
	a := answer{body: f.body}
	if f.kind == evError {
		text, err := decodeText(f.body)
		if err != nil {
			return err
		}
		a = answer{err: errors.New(text)}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch, ok := c.pending[f.id]; ok {
		ch <- a
		delete(c.pending, f.id)
	}
	return nil
}

// close answers every waiting and every later call with err.
func (c *conn) close(err error) {
	if err == nil {
		err = errEnded
	}
	c.mu.Lock()
	c.closed, c.err = true, err
	for id, ch := range c.pending {
		ch <- answer{err: err}
		delete(c.pending, id)
	}
	c.mu.Unlock()
	_ = c.w.Close()
}

func isEOF(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
