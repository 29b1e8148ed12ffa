package main

import (
	"sync"
	"time"
)

// handover is one buffer that an input handed to its host.
type handover struct {
	at       time.Time // when it was asked for
	consumer int
	spans    []span
	causes   []string // for each span, why it begins where it does; see judge
	records  int
	// taken is when the host had it for good: never, if it is zero. With
	// checkpoint handoff that is worked out in the end.
	taken time.Time
}

// pause is a time in which a host did not take anything in.
type pause struct{ from, to time.Time }

// life is that of the instances of one host between two ends.
type life struct {
	delay  time.Duration // handoff_delay
	bound  time.Duration // within which it commits what it keeps; 0 = nobody looks
	pauses []pause
	end    time.Time
	how    string
}

// member is one instance in one life, a consumer of its own.
type member struct {
	name string
	life int
}

// inputLedger holds what was handed over, and what became of the hosts.
type inputLedger struct {
	mu        sync.Mutex // guards what follows
	members   []member
	lives     []life
	handovers []*handover
	records   int                  // handed over, again and again ones among them
	asked     map[string]time.Time // when a checkpoint was asked for, by request id
	troubles  []trouble
}

func newInputLedger() *inputLedger { return &inputLedger{asked: map[string]time.Time{}} }

func (l *inputLedger) born(delay, bound time.Duration) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lives = append(l.lives, life{delay: delay, bound: bound})
	return len(l.lives) - 1
}

// joins makes a consumer of a name of its own.
func (l *inputLedger) joins(life int, name string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.members = append(l.members, member{name: name, life: life})
	return len(l.members) - 1
}

func (l *inputLedger) handed(h *handover) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.handovers = append(l.handovers, h)
	l.records += h.records
}

// takes says that an output has delivered these.
func (l *inputLedger) takes(all []*handover) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range all {
		h.taken = now
	}
}

// paused is called when the pause has reached every instance.
func (l *inputLedger) paused(number int) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lives[number].pauses = append(l.lives[number].pauses, pause{from: now})
}

// resumes is called before the instances are told.
func (l *inputLedger) resumes(number int) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.lives[number].pauses
	p[len(p)-1].to = now
}

// dead is called when nothing of a life is left.
func (l *inputLedger) dead(number int, how string) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lives[number].end, l.lives[number].how = now, how
}

// gone are the names of the members whose life is over.
func (l *inputLedger) gone() (names []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.members {
		if l.lives[m.life].how != "" {
			names = append(names, m.name)
		}
	}
	return names
}

func (l *inputLedger) ask(requestID string) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked[requestID] = now
}

func (l *inputLedger) handedOver() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.records
}

// keeps returns from when on the host keeps what it was handed at that time, in
// its chunks: when it has had it for handoff_delay, not counting pauses. Before that it
// lies in the ring buffer, which is lost at every end. Fluent Bit empties it
// sooner, every 250 ms; no more than handoff_delay is promised.
func (l *life) keeps(at time.Time) time.Time {
	kept := at.Add(l.delay)
	for _, p := range l.pauses {
		if !p.from.Before(kept) || !p.to.IsZero() && !p.to.After(at) {
			continue
		}
		if p.to.IsZero() {
			return never
		}
		if p.from.Before(at) {
			p.from = at
		}
		kept = kept.Add(p.to.Sub(p.from))
	}
	return kept
}

// never is later than any time of a campaign.
var never = time.Unix(1<<40, 0)
