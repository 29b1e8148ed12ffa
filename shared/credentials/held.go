package credentials

import (
	"math/rand/v2"
	"time"
)

const (
	// margin: a source fetches anew when no more than this is left. So what it gave is
	// good for as long from then on, and when it fails, what it gave before ends within
	// this.
	margin = 3 * time.Minute
	// checkEvery is how often a source is asked while its credentials are in use,
	// well within margin. Until they are about to expire that costs nothing.
	checkEvery = time.Minute
	// renewEvery is how often credentials are fetched anew although the old ones
	// hold: roles are assumed for an hour, so that half an hour of STS being away
	// goes unnoticed; and so that keys changed in a profile are.
	renewEvery = 30 * time.Minute
	// Pauses between fetches that fail.
	retryFirst, retryMost = time.Second, time.Minute
	// Pauses between fetches that the server's refusals cause, while what they give is
	// refused, too: ten thousand nodes with a key that is wrong are no storm on STS.
	refusedPause, refusedMost = 10 * time.Second, 10 * time.Minute
)

// held are credentials, and when to do what about them. It is replaced as a
// whole.
type held struct {
	credential
	checkAt time.Time // from here on a caller sets off a fetch
	until   time.Time // until here they may be used while it runs or fails
	renewAt time.Time // from here on the fetch is a fresh one
	failing bool      // the last fetch failed
}

// next is what is held after a fetch that gave cred.
func (h *held) next(cred credential, now time.Time, renewed bool) *held {
	next := &held{credential: cred, checkAt: now.Add(spread(checkEvery)), until: now.Add(margin)}
	next.renewAt = now.Add(spread(renewEvery))
	if !renewed && h != nil {
		// A renewal that was due and failed is tried again with the next check.
		next.renewAt = h.renewAt
	}
	return next
}

// failed is what is held after a fetch that failed: the same, until it ends for
// sure.
func (h *held) failed(now, retryAt time.Time) *held {
	next := *h
	if !h.failing && now.Before(h.until) {
		next.until = now.Add(margin)
	}
	next.failing = true
	next.checkAt = retryAt
	if next.until.Before(retryAt) {
		next.checkAt = next.until // from there on callers are told the failure
	}
	return &next
}

// doubling is the n-th pause in a row.
func doubling(first, most time.Duration, n int) time.Duration {
	return spread(min(first<<min(n-1, 10), most))
}

// spread keeps ten thousand nodes from asking at the same moment: 80 to 100 % of d.
func spread(d time.Duration) time.Duration {
	return d - rand.N(d/5+1) //nolint:gosec // jitter is no secret
}
