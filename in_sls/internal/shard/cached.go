package shard

import (
	"context"
	"time"
)

// Cached shares the answer of a call among goroutines that need one no older than a given
// time. One call runs at a time, and those who wait for it use its answer.
type Cached[T any] struct {
	load func(context.Context) (T, error)
	turn chan struct{} // holds one token, which guards the fields below

	at    time.Time // before the call whose outcome value and err are
	value T
	err   error
}

// NewCached returns a cache of the answers of load.
func NewCached[T any](load func(context.Context) (T, error)) *Cached[T] {
	return &Cached[T]{load: load, turn: make(chan struct{}, 1)}
}

// Get returns the outcome, a failure included, of a call made at notBefore or later. It
// makes one if there was none. The value is shared: do not change it.
func (f *Cached[T]) Get(ctx context.Context, notBefore time.Time) (T, error) {
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
	defer func() { <-f.turn }()
	if f.at.IsZero() || f.at.Before(notBefore) {
		at := time.Now()
		value, err := f.load(ctx)
		if ctx.Err() != nil {
			return value, ctx.Err() // only this caller gives up: the next one calls again
		}
		f.at, f.value, f.err = at, value, err
	}
	return f.value, f.err
}
