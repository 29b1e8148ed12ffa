package memory

import (
	"slices"

	"fluent-bit-sls/out_sls/internal/journal"
)

// Flush is one call of the engine to deliver a chunk. It waits for the outcomes of the
// chunk's segments. Add, Adopt and Cut are for the goroutine that cuts the chunk.
type Flush struct {
	memory   *Memory
	note     *journal.Chunk // what is on disk of the chunk; nil = nothing
	known    []*Outcome     // of an earlier flush of the chunk, by segment number
	outcomes []*Outcome     // by segment number
	pending  int            // outcomes that are not settled, plus one while the chunk is being cut
	failed   bool
	lost     bool
	dropped  bool
	done     chan struct{} // closed when pending is 0
}

// Result sums up the outcomes of a flush.
type Result struct {
	Failed  bool // something is not delivered, or not known to be
	Lost    bool // SLS will never take some logs
	Dropped bool // some of these become no dead letter
}

// Known is what an earlier flush has left of the next segment, nil if nothing.
func (f *Flush) Known() *Outcome {
	if n := len(f.outcomes); n < len(f.known) {
		return f.known[n]
	}
	return nil
}

// Add returns the outcome of the next segment, of that many logs, which is to be sent.
// It begins with what is known of an earlier flush or instance.
func (f *Flush) Add(logs int) *Outcome {
	o := &Outcome{memory: f.memory, note: f.note, number: len(f.outcomes), logs: logs, waiting: []*Flush{f}}
	known := f.Known()
	f.memory.mu.Lock()
	defer f.memory.mu.Unlock()
	if known != nil {
		o.accepted, o.lost = slices.Clone(known.accepted), slices.Clone(known.lost)
	} else {
		o.accepted = f.Earlier(logs)
	}
	f.outcomes = append(f.outcomes, o)
	f.pending++
	return o
}

// Earlier is what an earlier instance has delivered of the next segment, which has that
// many logs.
func (f *Flush) Earlier(logs int) (accepted []Range) {
	for _, s := range f.note.Accepted(len(f.outcomes)) {
		if n := min(s.Logs, logs-s.First); n > 0 {
			accepted = append(accepted, Range{s.First, n})
		}
	}
	return accepted
}

// Delivered takes the next segment, of that many logs, for delivered, if an earlier
// instance has delivered all of it. It does nothing and returns false if not.
func (f *Flush) Delivered(logs int) bool {
	accepted := f.Earlier(logs)
	if f.Known() != nil || len(accepted) != 1 || accepted[0].Count != logs {
		return false
	}
	f.memory.mu.Lock()
	defer f.memory.mu.Unlock()
	f.outcomes = append(f.outcomes, &Outcome{
		memory: f.memory, note: f.note, number: len(f.outcomes), logs: logs, state: stateDelivered, accepted: accepted,
	})
	return true
}

// Adopt makes the outcome of an earlier flush that of the next segment, which is not
// sent: it is delivered, or on its way, and f waits for it. Adopt does nothing and
// returns false if it has failed, so that the segment must be sent.
func (f *Flush) Adopt(known *Outcome) bool {
	f.memory.mu.Lock()
	defer f.memory.mu.Unlock()
	if known.state == stateFailed {
		return false
	}
	f.outcomes = append(f.outcomes, known)
	f.pending++
	if known.state == statePending {
		known.waiting = append(known.waiting, f)
	} else {
		f.noteLocked(known)
	}
	return true
}

// Pass makes a pending outcome of an earlier flush that of the next segment without
// waiting for it: f has failed.
func (f *Flush) Pass(known *Outcome) {
	f.memory.mu.Lock()
	defer f.memory.mu.Unlock()
	f.outcomes = append(f.outcomes, known)
	f.failed = true
}

// Leave says that the flush returns: the chunk's bytes are the engine's again.
func (f *Flush) Leave() { f.note.Leave() }

// Cut says that the chunk is cut: to its end or, with whole false, not. What is known of
// the segments that were not reached stays known.
func (f *Flush) Cut(whole bool) {
	if whole {
		f.note.Cut(len(f.outcomes))
	}
	f.memory.mu.Lock()
	defer f.memory.mu.Unlock()
	if !whole {
		f.failed = true
		if n := len(f.outcomes); n < len(f.known) {
			f.outcomes = append(f.outcomes, f.known[n:]...)
		}
	}
	f.doneLocked()
}

// Done is closed when the chunk is cut and f waits for nothing more.
func (f *Flush) Done() <-chan struct{} { return f.done }

// Abandon makes f wait no more for the pending outcomes whose holder which is true for.
// Holders of what nobody else waits for are told.
func (f *Flush) Abandon(which func(Holder) bool) {
	for _, o := range f.leave(which) {
		// A queue that is told gives up all that nobody waits for.
		if h := o.Holder(); h != nil {
			h.Abandoned()
		}
	}
}

// leave returns the outcomes that nobody waits for now.
func (f *Flush) leave(which func(Holder) bool) (abandoned []*Outcome) {
	f.memory.mu.Lock()
	defer f.memory.mu.Unlock()
	for _, o := range f.outcomes {
		i := slices.Index(o.waiting, f)
		if i < 0 || !which(o.holder) {
			continue
		}
		o.waiting = slices.Delete(o.waiting, i, i+1)
		f.failed = true
		f.doneLocked()
		if len(o.waiting) == 0 {
			abandoned = append(abandoned, o)
		}
	}
	return abandoned
}

// Result is what the outcomes that are settled come to.
func (f *Flush) Result() Result {
	f.memory.mu.Lock()
	defer f.memory.mu.Unlock()
	return Result{Failed: f.failed, Lost: f.lost, Dropped: f.dropped}
}

// Lost are the logs of segment n that SLS will never take. The segment is settled.
func (f *Flush) Lost(n int) []Lost {
	f.memory.mu.Lock()
	defer f.memory.mu.Unlock()
	return f.outcomes[n].lost
}

// noteLocked takes note of an outcome that is settled.
func (f *Flush) noteLocked(o *Outcome) {
	f.lost = f.lost || len(o.lost) > 0
	f.dropped = f.dropped || slices.ContainsFunc(o.lost, func(l Lost) bool { return l.Dropped })
	f.failed = f.failed || o.state == stateFailed
	f.doneLocked()
}

func (f *Flush) doneLocked() {
	if f.pending--; f.pending == 0 {
		close(f.done)
	}
}
