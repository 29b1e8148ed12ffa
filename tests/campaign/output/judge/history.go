package judge

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"fluent-bit-sls/tests/campaign/faults"
	"fluent-bit-sls/tests/campaign/process"
	"fluent-bit-sls/tests/slsfake"
)

// CutGrace is how long an emulator on a busy machine takes from its hook to the answer,
// without planned delays. The network is cut only when no call was let through for so long.
// So a call has its answer before the cut, or is carried out after it.
const CutGrace = 700 * time.Millisecond

// write is one PutLogs the emulator let through to its hooks.
type write struct {
	at          time.Duration // when it came
	delay       time.Duration // planned, before and after carrying it out
	took        time.Duration // until its answer was handed to the connection; 0 = not known
	outcome     faults.Outcome
	stored      bool
	incarnation int32 // who sent it; this and what follows is known once it is stored
	shard       int
	hashKey     string
	feed        uint32
}

// incarnation is one set of output instances, from init to exit, reload or kill.
type incarnation struct {
	agent int
	ended bool
	at    time.Duration
	how   string        // kill, exit, reload
	over  time.Duration // when its end was complete; 0 = not yet
}

// cut is a time during which the emulator's network was down.
type cut struct{ from, to time.Duration }

// History holds what may explain that a record is stored twice: what became of each
// write, who sent it, and when senders ended.
type History struct {
	begin time.Time

	mu           sync.Mutex // guards what follows
	writes       []write    // by the number in the request id
	incarnations []incarnation
	cuts         []cut
	ofFeed       map[uint32][]int // the stored ones of a feed; nil = not counted yet
}

// NewHistory returns an empty one. Its clock begins now.
func NewHistory() *History { return &History{begin: time.Now()} }

// Now is the campaign's clock.
func (h *History) Now() time.Duration { return time.Since(h.begin) }

// requestNumber reads the number in one of the emulator's request ids.
func requestNumber(id string) (int, error) {
	n, err := strconv.ParseUint(id, 16, 32)
	return int(n), err
}

// Note records a write and what is about to become of its answer.
func (h *History) Note(requestID string, o faults.Outcome, delay time.Duration) error {
	n, err := requestNumber(requestID)
	if err != nil {
		return fmt.Errorf("request id %q: %w", requestID, err)
	}
	at := h.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.writes) <= n {
		h.writes = append(h.writes, write{incarnation: -1})
	}
	h.writes[n] = write{at: at, delay: delay, outcome: o, incarnation: -1}
	return nil
}

// Answered records how long the emulator took for a write.
func (h *History) Answered(requestID string, took time.Duration) {
	n, err := requestNumber(requestID)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil && n < len(h.writes) { // else no hook has seen it: its signature was refused
		h.writes[n].took = took
	}
}

// accepted records that the emulator stored the write, of which l is a log of a feed, and
// returns the incarnation that sent it, by its key. An error is a request that nobody noted, a
// key that nobody has, or a write after an exit or a reload, which must leave nothing behind.
func (h *History) accepted(number int, feed uint32, l *slsfake.Log) (incarnation int32, err error) {
	keyID := l.AccessKeyID
	n, err := strconv.Atoi(keyID[strings.LastIndexByte(keyID, '-')+1:])
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil || n < 0 || n >= len(h.incarnations) || number >= len(h.writes) || h.writes[number].at == 0 {
		return 0, fmt.Errorf("key %q and this request belong to nobody", keyID)
	}
	w := &h.writes[number]
	w.stored, w.incarnation, w.shard, w.hashKey, w.feed = true, int32(n), l.Shard, l.HashKey, feed
	if i := h.incarnations[n]; i.how != process.EndKill && i.over > 0 && w.at > i.over+CutGrace {
		return 0, fmt.Errorf("incarnation %d sent this at %.3fs, and its %s was over at %.3fs", n, w.at.Seconds(), i.how, i.over.Seconds())
	}
	return int32(n), nil
}

// KeyID is the id of an incarnation's key.
func KeyID(base string, incarnation int) string { return base + "-" + strconv.Itoa(incarnation) }

// Born returns the number of a new incarnation.
func (h *History) Born(agent int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.incarnations = append(h.incarnations, incarnation{agent: agent})
	return len(h.incarnations) - 1
}

// Dies is called when the end of an incarnation begins. From then on chunks may stay
// unacknowledged although they are delivered in part.
func (h *History) Dies(number int, how string) {
	at := h.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	i := &h.incarnations[number]
	i.ended, i.at, i.how = true, at, how
}

// Dead is called when the end of an incarnation is complete.
func (h *History) Dead(number int) {
	at := h.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.incarnations[number].over = at
}

// Down is called when a cut of the network begins.
func (h *History) Down() {
	at := h.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cuts = append(h.cuts, cut{from: at, to: 1<<63 - 1})
}

// Up is called when it ends.
func (h *History) Up() {
	at := h.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cuts[len(h.cuts)-1].to = at
}

// ambiguityLocked says why the client may not know that w was accepted. It is "" if the
// client has to know.
func (h *History) ambiguityLocked(w *write) string {
	if w.outcome != faults.Clear {
		return w.outcome.String()
	}
	// No clear answer is planned to come that late.
	if w.took > faults.RequestTimeout-CutGrace {
		return "slow machine"
	}
	for _, c := range h.cuts {
		if w.at <= c.to && w.at+w.delay+CutGrace >= c.from {
			return "network cut"
		}
	}
	return ""
}

// ambiguous counts the accepted writes whose client may not know it.
func (h *History) ambiguous() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for i := range h.writes {
		if w := &h.writes[i]; w.stored && h.ambiguityLocked(w) != "" {
			n++
		}
	}
	return n
}

// explain finds a cause for each time but one that a record was written. numbers
// are the writes in the order in which the emulator got them; acked is when its
// chunk was acknowledged. unexplained counts those without a cause.
//
// Of the writes of one incarnation all but the last must have been ambiguous. An
// incarnation may write again what an earlier one wrote, if that one ended before the chunk
// was acknowledged. It also takes that the plugin forgets, or that the earlier write was
// ambiguous or on its way at that end. Which of the two the emulator got first says
// nothing: what a killed process has sent may still lie in a socket. With ExactlyOnce there
// are no causes. UntilSplit has those of Remembers, for one number in different shards.
// UntilFull has one of its own.
func (h *History) explain(numbers []int, acked time.Duration, m Memory) (causes []string, unexplained int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case m == ExactlyOnce, m == UntilSplit && !h.inShardsLocked(numbers):
		return nil, len(numbers) - 1
	case m == UntilFull:
		return h.evictedLocked(numbers)
	}
	last := map[int32]int{} // by incarnation, its last write
	for _, n := range numbers {
		w := &h.writes[n]
		if before, again := last[w.incarnation]; !again {
		} else if cause := h.ambiguityLocked(&h.writes[before]); cause != "" {
			causes = append(causes, cause)
		} else {
			unexplained++
		}
		last[w.incarnation] = n
	}
	born := slices.Sorted(maps.Keys(last))
	for i := range born[:len(born)-1] {
		a, b := &h.incarnations[born[i]], &h.incarnations[born[i+1]]
		switch w := &h.writes[last[born[i]]]; {
		case !a.ended || a.at >= acked || a.agent != b.agent:
			unexplained++
		case m == Forgets || w.onItsWay(a):
			causes = append(causes, a.how)
		default:
			if cause := h.ambiguityLocked(w); cause != "" {
				causes = append(causes, cause)
			} else {
				unexplained++
			}
		}
	}
	return causes, unexplained
}

// inShardsLocked tells whether writes were stored under one hash key in as many shards.
func (h *History) inShardsLocked(numbers []int) bool {
	shards := map[int]bool{}
	for _, n := range numbers {
		if h.writes[n].hashKey != h.writes[numbers[0]].hashKey {
			return false
		}
		shards[h.writes[n].shard] = true
	}
	return len(shards) == len(numbers)
}

// evictedLocked is explain with UntilFull, where each write has one log and makes one entry:
// an entry may be gone when so many newer ones of its feed are there.
func (h *History) evictedLocked(numbers []int) (causes []string, unexplained int) {
	if h.ofFeed == nil {
		h.ofFeed = map[uint32][]int{}
		for n := range h.writes {
			if w := &h.writes[n]; w.stored {
				h.ofFeed[w.feed] = append(h.ofFeed[w.feed], n)
			}
		}
	}
	for i, first := range numbers[:len(numbers)-1] {
		all := h.ofFeed[h.writes[first].feed]
		from, _ := slices.BinarySearch(all, first)
		to, _ := slices.BinarySearch(all, numbers[i+1])
		if to-from > kept {
			causes = append(causes, "entry evicted")
		} else {
			unexplained++
		}
	}
	return causes, unexplained
}

// onItsWay tells whether the answer to a write may not have reached its incarnation before
// that ended. One that ends in good order takes answers until its end is complete.
func (w *write) onItsWay(i *incarnation) bool {
	until := i.over
	if i.how == process.EndKill {
		until = i.at
	}
	return w.took == 0 || w.at+w.took+CutGrace >= until
}

// describe tells what is known of some writes, for a failure.
func (h *History) describe(numbers ...int) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var text strings.Builder
	for _, n := range numbers {
		w := &h.writes[n]
		ambiguity := h.ambiguityLocked(w)
		if ambiguity == "" {
			ambiguity = "clear"
		}
		i := h.incarnations[w.incarnation]
		fmt.Fprintf(&text, "; written at %.3fs by request %d (%s) of incarnation %d to shard %d", w.at.Seconds(), n, ambiguity, w.incarnation, w.shard)
		if i.ended {
			fmt.Fprintf(&text, " (%s at %.3fs, over at %.3fs)", i.how, i.at.Seconds(), i.over.Seconds())
		}
	}
	return text.String()
}
