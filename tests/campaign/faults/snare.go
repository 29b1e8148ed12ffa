package faults

import (
	"time"

	"fluent-bit-sls/tests/slsfake"
)

// Moment is one between two writes of an output to its disk: it writes what is to be sent,
// sends it, writes what became of it, and answers.
type Moment int

// The moments of a request, and that of the answer to a flush.
const (
	Arrived  Moment = iota // the request is there, and never carried out
	Stored                 // it is carried out, and never answered
	Answered               // its answer is on the way
	Acked                  // the flush is answered, and the engine has not deleted the chunk
	Moments
)

// snareDelay is longer than it takes to kill a process.
const snareDelay = 60 * time.Millisecond

// Snare kills a host at a moment of one of its requests.
type Snare struct {
	Moment Moment
	Left   int // requests that pass before
	kill   chan struct{}
	sprung string // the id of the request, once it is there
}

// Caught is closed when the host is to be killed, at once.
func (s *Snare) Caught() <-chan struct{} { return s.kill }

// Lay waits for a request that is signed with a key.
func (f *Injector) Lay(keyID string, m Moment, left int) *Snare {
	s := &Snare{Moment: m, Left: left, kill: make(chan struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.snares[keyID] = s
	return s
}

// spring makes a call that runs into a snare one that is not answered, or whose answer kills.
func (f *Injector) spring(c *slsfake.Call) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.snares[c.AccessKeyID]
	if s == nil || s.sprung != "" || s.Moment == Acked {
		return false
	}
	if s.Left--; s.Left >= 0 {
		return false
	}
	s.sprung = c.RequestID
	switch s.Moment {
	case Arrived:
		c.Delay(snareDelay)
		close(s.kill)
	case Stored:
		c.DelayAfter(snareDelay)
		time.AfterFunc(3*time.Millisecond, func() { close(s.kill) })
	default:
		return false // Answered kills
	}
	return true
}

// AnswerGiven is told when the answer to a request is on its way.
func (f *Injector) AnswerGiven(requestID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.snares {
		if s.Moment == Answered && s.sprung == requestID {
			s.sprung = "over"
			close(s.kill)
		}
	}
}

// TakeUp removes the snare for a key.
func (f *Injector) TakeUp(keyID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.snares, keyID)
}

// Ack is told when a flush of a host with that key is answered with OK. It is true when that
// kills the host.
func (f *Injector) Ack(keyID string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.snares[keyID]
	if s == nil || s.Moment != Acked || s.sprung != "" {
		return false
	}
	if s.Left--; s.Left >= 0 {
		return false
	}
	s.sprung = "acked"
	close(s.kill)
	return true
}

// number is a sequence number of a write.
type number struct{ logstore, key, id string }

// cameBefore tells whether a write with this sequence number has come before.
func (f *Injector) cameBefore(c *slsfake.Call) bool {
	if c.SequenceID == "" {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n := number{c.Logstore, c.HashKey, c.SequenceID}
	before := f.numbers[n]
	f.numbers[n] = true
	return before
}
