package credentials

import (
	"math/rand/v2"
	"time"
)

const (
	// margin is how long before their end a source replaces credentials. So what it
	// returns is valid for at least this long. When a source fails, what it returned last
	// is still valid for less than this.
	margin = 3 * time.Minute
	// checkEvery is how often a source is asked while its credentials are in use, well
	// within margin. Asking costs nothing until they are about to expire.
	checkEvery = time.Minute
	// renewEvery is how often valid credentials are fetched anew. Roles are assumed for
	// an hour, so half an hour without STS does no harm. A fetch also finds keys that
	// were changed in a profile.
	renewEvery = 30 * time.Minute
	// Pauses between fetches that fail.
	retryFirst, retryMost = time.Second, time.Minute
	// Pauses between fetches after refusals, while the new keys are refused, too: ten
	// thousand nodes with a wrong key must not flood STS.
	refusedPause, refusedMost = 10 * time.Second, 10 * time.Minute
)

// cached are credentials with the times at which to do something about them. It is
// replaced as a whole.
type cached struct {
	credential
	checkAt time.Time // from then on a caller starts a fetch
	until   time.Time // until then they may be used while it runs or fails
	renewAt time.Time // from then on the fetch asks for fresh ones
	failing bool      // the last fetch failed
}

// next is what is cached after a fetch that gave cred.
func (h *cached) next(cred credential, now time.Time, renewed bool) *cached {
	next := &cached{credential: cred, checkAt: now.Add(spread(checkEvery)), until: now.Add(margin)}
	next.renewAt = now.Add(spread(renewEvery))
	if !renewed && h != nil {
		// A renewal that was due and failed is tried again with the next check.
		next.renewAt = h.renewAt
	}
	return next
}

// failed is what is cached after a fetch that failed: the same credentials, up to the
// time when they may have ended.
func (h *cached) failed(now, retryAt time.Time) *cached {
	next := *h
	if !h.failing && now.Before(h.until) {
		next.until = now.Add(margin)
	}
	next.failing = true
	next.checkAt = retryAt
	if next.until.Before(retryAt) {
		next.checkAt = next.until // from then on callers get the error
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
