package shard

import "fluent-bit-sls/shared/buffer"

const (
	// pullTarget is about the most decompressed bytes a pull asks for.
	pullTarget = 4 << 20
	// pullLeast keeps small limits from asking for less than a buffer.
	pullLeast = 64 << 10
	// groupGuess is the size of a log group before the first answer.
	groupGuess = 256 << 10
	// maxGroup is the size of the largest log group: SLS takes 10 MB in one write, and adds
	// some bytes of its own.
	maxGroup = 11 << 20
	// maxScanned is the size of the largest log group with a query or a processor, which
	// may make it larger.
	maxScanned = 32 << 20
	// partSize bounds how much larger than a pull's target the events of its answer may
	// become before they are handed over in parts. With include_meta a log group of a few
	// KB can become gigabytes: its tags are repeated for each of its logs.
	partSize = 4
	// ratioGuess is how much larger events are than log groups, before the
	// first answer.
	ratioGuess = 1.5
)

// pullSize learns how large the log groups of one shard are. From that it says how many
// to ask for, so that they fit the target, and how much of the budget to claim first.
type pullSize struct {
	most   int     // fetch_max_groups
	fewer  int     // at most, after an answer was too large; 0 for most
	limit  int     // most decompressed bytes of an answer
	target float64 // decompressed bytes wanted in one pull
	group  float64 // decompressed bytes of one group, smoothed
	ratio  float64 // decoded bytes for each decompressed byte, smoothed
}

// newPullSize lets sixteen pulls share the memory, so that many shards are read at once.
// No single pull is larger than pullTarget.
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
	if s.fewer > 0 {
		n = min(n, s.fewer)
	}
	return n
}

// shrink makes the next pull smaller, after an answer to one of count groups was refused
// because of its size: it asks for half as many, and expects groups as large as those of
// the answer (raw bytes in groups; 0 where not known). It returns false when none of that
// will help.
func (s *pullSize) shrink(count, raw, groups int) bool {
	known := s.group
	if count == 1 {
		s.group = max(s.group*4, float64(raw))
	} else {
		s.fewer = max(count/2, 1)
		s.group = max(s.group, float64(raw)/float64(max(groups, 1)))
	}
	s.group = max(min(s.group, float64(s.limit)), known)
	return count > 1 || s.group > known
}

// claim is how much of the budget raw decompressed bytes and their events take.
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

// learn takes the sizes of an answer into account. It goes up at once and comes down
// slowly: a guess that is too low overdraws the budget.
func (s *pullSize) learn(groups, raw, decoded int) {
	if groups == 0 || raw == 0 {
		return
	}
	if s.fewer *= 2; s.fewer > s.most {
		s.fewer = 0
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
