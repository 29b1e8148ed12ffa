package shard

import "time"

const (
	// idlePause is the longest pause between two pulls of a shard in which
	// nothing is written, unless fetch_interval is longer.
	idlePause = 500 * time.Millisecond
	// behindBytes: an answer this large means there is more, even if it holds
	// fewer groups than asked for, because the server bounds answers by size.
	behindBytes = 1 << 20

	slowLeast = 200 * time.Millisecond
	slowMost  = 10 * time.Second
)

// pace decides how long one shard waits between two pulls.
type pace struct {
	least time.Duration // fetch_interval
	idle  time.Duration // pause after the last empty answer, 0 after another
	slow  time.Duration // added by throttling, halved by every answer
}

// after returns the pause after an answer of raw bytes in groups log groups, where asked
// were asked for. A shard that is behind does not wait, unless it is throttled.
func (p *pace) after(groups, asked, raw int) time.Duration {
	if p.slow /= 2; p.slow < slowLeast/4 {
		p.slow = 0
	}
	switch {
	case groups == 0:
		p.idle = min(max(p.idle*2, p.least), max(idlePause, p.least))
		return max(p.idle, p.slow)
	case !caughtUp(groups, asked, raw):
		p.idle = 0
		return p.slow
	default:
		p.idle = 0
		return max(p.least, p.slow)
	}
}

// caughtUp reports whether an answer of raw bytes in groups log groups, where asked were
// asked for, shows that there was nothing more to read.
func caughtUp(groups, asked, raw int) bool {
	return groups < asked && raw < behindBytes
}

// throttled slows the shard down, and returns the pause before the next try.
func (p *pace) throttled() time.Duration {
	p.slow = min(max(p.slow*2, slowLeast), slowMost)
	return p.slow
}
