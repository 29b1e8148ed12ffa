package flbhost

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Result is what a flush returned, in the engine's numbers.
type Result int

// The results of a flush. Any other value counts as Error, as in the engine.
const (
	Error Result = 0
	OK    Result = 1
	Retry Result = 2
)

// String names the result as the engine's documentation does.
func (r Result) String() string {
	switch r {
	case Error:
		return "FLB_ERROR"
	case OK:
		return "FLB_OK"
	case Retry:
		return "FLB_RETRY"
	default:
		return fmt.Sprintf("Result(%d)", int(r))
	}
}

// Instance is one configured input or output.
type Instance struct {
	Name   string // the alias, or as the engine numbers them: sls.0, sls.1
	Plugin Plugin
	host   *Host
	id     uint32
	stack  atomic.Int64

	mu      sync.Mutex // guards the fields below
	fn      func(string, []byte, time.Time)
	queue   []collected
	handing bool
}

// collected is a buffer that an input returned or appended, and when it was asked for it.
type collected struct {
	tag string
	buf []byte
	at  time.Time
}

// Flush hands a chunk to an output and returns what the plugin answers. It may
// be called from many goroutines: the instance's workers take the chunks in
// turn. When ctx ends the call returns and the flush goes on in the host.
func (i *Instance) Flush(ctx context.Context, tag string, chunk []byte) (Result, error) {
	head := appendString(appendU32(nil, i.id), tag)
	body, err := i.host.conn.call(ctx, reqFlush, appendU32(head, uint32(len(chunk))), chunk)
	if err != nil {
		return Error, fmt.Errorf("flush %d bytes of %q: %w", len(chunk), tag, err)
	}
	return i.flushed(body)
}

// FlushFile is Flush for a chunk of filesystem storage: the plugin gets the content of the
// chunk's file, where the host has mapped it. WriteChunk makes such files.
func (i *Instance) FlushFile(ctx context.Context, tag, path string) (Result, error) {
	body, err := i.host.conn.call(ctx, reqFlushFile, appendString(appendString(appendU32(nil, i.id), tag), path), nil)
	if err != nil {
		return Error, fmt.Errorf("flush %s of %q: %w", path, tag, err)
	}
	return i.flushed(body)
}

// flushed takes note of the answer to a flush.
func (i *Instance) flushed(body []byte) (Result, error) {
	result, stack, err := decodeFlushed(body)
	if err != nil {
		return Error, err
	}
	for old := i.stack.Load(); int64(stack) > old && !i.stack.CompareAndSwap(old, int64(stack)); {
		old = i.stack.Load()
	}
	return result, nil
}

// StackUsed is the most any flush has used of its stack, in bytes, rounded up
// to pages.
func (i *Instance) StackUsed() int { return int(i.stack.Load()) }

// OnCollect sets what gets the buffers an input returns, one call at a time
// and in order, on a goroutine of its own: fn may flush to another instance,
// but not end the host, which waits for it. What was collected before OnCollect
// is called is kept for it. buf is the callee's.
func (i *Instance) OnCollect(fn func(buf []byte)) {
	i.OnTagged(func(_ string, buf []byte, _ time.Time) { fn(buf) })
}

// OnCollectAt is OnCollect with the time at which the host asked the plugin for
// the buffer, by the clock of this process: what is in it was handed over then or
// a little later.
func (i *Instance) OnCollectAt(fn func(buf []byte, at time.Time)) {
	i.OnTagged(func(_ string, buf []byte, at time.Time) { fn(buf, at) })
}

// OnTagged is OnCollectAt with the tag: "" is the instance's own. A plugin that appends
// by itself hands over several buffers for one call, each at the time of its append.
func (i *Instance) OnTagged(fn func(tag string, buf []byte, at time.Time)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fn = fn
	i.hand()
}

func (i *Instance) collected(c collected) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.queue = append(i.queue, c)
	i.hand()
}

// hand starts the goroutine that empties the queue unless it runs already. It
// ends when the queue is empty: an instance that is no longer used leaves
// nothing behind. i.mu is held.
func (i *Instance) hand() {
	if i.fn == nil || i.handing || len(i.queue) == 0 {
		return
	}
	i.handing = true
	i.host.handing.Go(func() {
		for {
			i.mu.Lock()
			if len(i.queue) == 0 {
				i.handing = false
				i.mu.Unlock()
				return
			}
			c, fn := i.queue[0], i.fn
			i.queue = i.queue[1:]
			i.mu.Unlock()
			fn(c.tag, c.buf, c.at)
		}
	})
}

// Pause pauses this input, as the engine does when its memory limit is
// reached; what that means with several instances see Host.Pause.
func (i *Instance) Pause() error { return i.host.pause(reqPause, i.id, true) }

// PostPause is Pause as the engine does it: it does not wait for the plugin to hear of
// it, which happens when the instance's thread is back in the engine's loop.
func (i *Instance) PostPause() error { return i.host.pause(reqPause, i.id, false) }

// Resume undoes Pause.
func (i *Instance) Resume() error { return i.host.pause(reqResume, i.id, true) }

// FillRing says that the engine does not empty this input's ring buffer, or that it does
// again. While it is full an append waits for the time between two collects and fails; a
// buffer that the plugin returned is lost then.
func (i *Instance) FillRing(full bool) error {
	return i.host.tell(reqRing, appendBool(appendU32(nil, i.id), full))
}

// FailAppends makes the next n appends fail at once, as without memory.
func (i *Instance) FailAppends(n int) error {
	return i.host.tell(reqFail, appendU32(appendU32(nil, i.id), uint32(n)))
}
