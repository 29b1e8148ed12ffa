package flbhost

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Flusher takes chunks; *Instance is one.
type Flusher interface {
	Flush(ctx context.Context, tag string, chunk []byte) (Result, error)
}

// NoLimit is the RetryLimit that never gives a chunk up (no_limits).
const NoLimit = -1

// ShipperConfig configures a Shipper.
type ShipperConfig struct {
	// Concurrency is how many chunks are flushed at once; default 1. The
	// engine's is the number of workers.
	Concurrency int
	// RetryLimit is how many times a chunk is handed back after FLB_RETRY
	// before it is dropped: 0 never (no_retries), NoLimit for ever. The
	// engine's default is 1.
	RetryLimit int
	// Base and Cap bound the wait before the nth retry: evenly random between
	// Base and min(Cap, Base*2^n). The engine's are 5 s and 2000 s, and it adds
	// one second; here the defaults are 50 ms and 2 s.
	Base, Cap time.Duration
	// Seed makes the waits repeatable; 0 takes a random one.
	Seed uint64
	// OnDone is called once per chunk when it is settled, from any goroutine:
	// with its last result, or with the error of a host that has ended, in
	// which case the engine's storage would still hold the chunk.
	OnDone func(chunk Chunk, last Result, err error)
}

// Chunk is what Ship was given.
type Chunk struct {
	Tag  string
	Data []byte
}

// ShipperStats counts chunks, except Retries and Bytes.
type ShipperStats struct {
	Shipped int   // given to Ship
	OK      int   // accepted
	Dropped int   // FLB_ERROR, or FLB_RETRY once too often
	Failed  int   // no answer: the host ended, or the context did
	Retries int   // flushes beyond each chunk's first
	Bytes   int64 // of the chunks accepted
}

// Pending is the number of chunks not settled yet.
func (s ShipperStats) Pending() int { return s.Shipped - s.OK - s.Dropped - s.Failed }

// Shipper lives a chunk's life as the engine does: flush, and on FLB_RETRY the
// same bytes again after a back-off, in no particular order among chunks.
type Shipper struct {
	to    Flusher
	cfg   ShipperConfig
	slots chan struct{} // one token per flush in flight
	wg    sync.WaitGroup

	mu    sync.Mutex // guards the fields below
	rand  *rand.Rand
	stats ShipperStats
	err   error // the first error of a flush
}

// NewShipper returns a Shipper that flushes through to.
func NewShipper(to Flusher, cfg ShipperConfig) *Shipper {
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = 1
	}
	if cfg.Base <= 0 {
		cfg.Base = 50 * time.Millisecond
	}
	if cfg.Cap <= 0 {
		cfg.Cap = 2 * time.Second
	}
	if cfg.Seed == 0 {
		cfg.Seed = rand.Uint64()
	}
	return &Shipper{
		to:    to,
		cfg:   cfg,
		slots: make(chan struct{}, cfg.Concurrency),
		rand:  rand.New(rand.NewPCG(cfg.Seed, 0)),
	}
}

// Ship takes a chunk. It returns when the chunk's first flush has begun, so it
// holds the caller back while Concurrency flushes are in flight; a chunk that
// waits for its retry holds nobody back. The bytes must not change until the
// chunk is settled. ctx bounds the whole life of the chunk.
func (s *Shipper) Ship(ctx context.Context, tag string, data []byte) error {
	if err := s.acquire(ctx); err != nil {
		return fmt.Errorf("ship %d bytes of %q: %w", len(data), tag, err)
	}
	s.count(func(st *ShipperStats) { st.Shipped++ })
	s.wg.Go(func() { s.live(ctx, Chunk{Tag: tag, Data: data}) })
	return nil
}

// live flushes the chunk until it is settled. A slot is held at the start.
func (s *Shipper) live(ctx context.Context, c Chunk) {
	for attempt := 0; ; attempt++ {
		result, err := s.to.Flush(ctx, c.Tag, c.Data)
		<-s.slots
		if err != nil || result != Retry || s.exhausted(attempt) {
			s.settle(c, result, err)
			return
		}
		s.count(func(st *ShipperStats) { st.Retries++ })
		if err := s.backOff(ctx, attempt+1); err != nil {
			s.settle(c, result, err)
			return
		}
	}
}

func (s *Shipper) exhausted(retries int) bool {
	return s.cfg.RetryLimit >= 0 && retries >= s.cfg.RetryLimit
}

// backOff waits before the nth retry and takes a slot for it.
func (s *Shipper) backOff(ctx context.Context, n int) error {
	timer := time.NewTimer(s.delay(n))
	defer timer.Stop()
	select {
	case <-timer.C:
		return s.acquire(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Shipper) delay(n int) time.Duration {
	limit := s.cfg.Cap
	// Compared by shifting the cap down: shifting the base up may overflow.
	if n < 63 && s.cfg.Base <= s.cfg.Cap>>n {
		limit = s.cfg.Base << n
	}
	if limit <= s.cfg.Base {
		return limit
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg.Base + time.Duration(s.rand.Int64N(int64(limit-s.cfg.Base)+1))
}

func (s *Shipper) acquire(ctx context.Context) error {
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Shipper) settle(c Chunk, last Result, err error) {
	s.count(func(st *ShipperStats) {
		switch {
		case err != nil:
			st.Failed++
			if s.err == nil {
				s.err = err
			}
		case last == OK:
			st.OK++
			st.Bytes += int64(len(c.Data))
		default:
			st.Dropped++
		}
	})
	if s.cfg.OnDone != nil {
		s.cfg.OnDone(c, last, err)
	}
}

func (s *Shipper) count(fn func(*ShipperStats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(&s.stats)
}

// Stats returns the counts so far.
func (s *Shipper) Stats() ShipperStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Wait waits until every chunk shipped so far is settled. It returns the first
// error of a flush, or ctx's when that ends first; a dropped chunk is no
// error, see Stats. No Ship may be under way.
func (s *Shipper) Wait(ctx context.Context) error {
	settled := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(settled)
	}()
	select {
	case <-settled:
	case <-ctx.Done():
		return errors.Join(ctx.Err(), fmt.Errorf("%d chunks not settled", s.Stats().Pending()))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
