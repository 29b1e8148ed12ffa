package consumer

import (
	"time"

	"fluent-bit-sls/shared/buffer"
)

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

// after returns the pause after an answer of raw bytes in groups log groups,
// of asked. A shard that is behind does not wait, unless it is throttled.
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

// caughtUp reports whether an answer of raw bytes in groups log groups, of asked, shows
// that there was nothing more to read.
func caughtUp(groups, asked, raw int) bool {
	return groups < asked && raw < behindBytes
}

// throttled slows the shard down, and returns the pause before the next try.
func (p *pace) throttled() time.Duration {
	p.slow = min(max(p.slow*2, slowLeast), slowMost)
	return p.slow
}

const (
	// pullTarget is about the most decompressed bytes a pull asks for.
	pullTarget = 4 << 20
	// pullLeast keeps small limits from asking for less than a buffer.
	pullLeast = 64 << 10
	// groupGuess is the size of a log group before the first answer.
	groupGuess = 256 << 10
	// maxGroup is what SLS takes in one write, 10 MB, and what it adds of its own.
	maxGroup = 11 << 20
	// maxScanned is for what a query or a processor makes of a log group, which may be
	// larger than the group.
	maxScanned = 32 << 20
	// partSize is how many times what a pull asks for the events of an answer may be
	// before they are handed over in parts. With include_meta a log group of a few KB
	// can become gigabytes: its tags are repeated for each of its logs.
	partSize = 4
	// ratioGuess is how much larger events are than log groups, before the
	// first answer.
	ratioGuess = 1.5
)

// pullSize learns how large the log groups of one shard are, to ask for as
// many as fit the target and to take the right part of the budget first.
type pullSize struct {
	most   int     // fetch_max_groups
	bound  int     // fewer than most after an answer was too large, 0 for none
	limit  int     // decompressed bytes that no answer has more than
	target float64 // decompressed bytes wanted in one pull
	group  float64 // decompressed bytes of one group, smoothed
	ratio  float64 // decoded bytes for each decompressed byte, smoothed
}

// newPullSize lets sixteen pulls share the budget, so that many shards read at
// once, and no single pull is larger than pullTarget.
func newPullSize(most int, memory int64, filtered bool) pullSize {
	target := min(max(memory/16, pullLeast), pullTarget)
	s := pullSize{most: most, limit: maxGroup, target: float64(target), group: groupGuess, ratio: ratioGuess}
	if filtered {
		s.limit = maxScanned
	}
	return s
}

// count is how many log groups to ask for.
func (s *pullSize) count() int {
	n := min(max(int(s.target/s.group), 1), s.most)
	if s.bound > 0 {
		n = min(n, s.bound)
	}
	return n
}

// tooLarge asks for half as much, after an answer to a pull of count groups was refused,
// and expects groups as large as its own; 0 bytes: it is not known how large. It is false
// when nothing of that will help.
func (s *pullSize) tooLarge(count, raw, groups int) bool {
	known := s.group
	if count == 1 {
		s.group = max(s.group*4, float64(raw))
	} else {
		s.bound = max(count/2, 1)
		s.group = max(s.group, float64(raw)/float64(max(groups, 1)))
	}
	s.group = max(min(s.group, float64(s.limit)), known)
	return count > 1 || s.group > known
}

// claim is what to take of the budget for raw decompressed bytes and their events.
func (s *pullSize) claim(raw int) int64 {
	return int64(buffer.Room(raw) + buffer.Room(s.decoded(raw)))
}

// part is the most bytes of events that are handed over at once.
func (s *pullSize) part() int { return partSize * int(s.target) }

// raw is how many decompressed bytes to expect of count groups.
func (s *pullSize) raw(count int) int {
	return max(int(float64(count)*s.group), pullLeast)
}

// decoded is how many bytes of events to expect of raw bytes, at once.
func (s *pullSize) decoded(raw int) int {
	return min(int(float64(raw)*s.ratio), s.part())
}

// learn takes the sizes of an answer into account. It goes up at once and
// comes down slowly: what is too low overdraws the budget.
func (s *pullSize) learn(groups, raw, decoded int) {
	if groups == 0 || raw == 0 {
		return
	}
	if s.bound *= 2; s.bound > s.most {
		s.bound = 0
	}
	s.group = smooth(s.group, float64(raw)/float64(groups))
	s.ratio = smooth(s.ratio, float64(decoded)/float64(raw)*1.1)
}

func smooth(old, seen float64) float64 {
	if seen > old {
		return seen
	}
	return old*0.7 + seen*0.3
}
