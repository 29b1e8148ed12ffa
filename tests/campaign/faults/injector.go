// Package faults makes an emulator fail: single calls by a table of faults, all calls for a
// while by a schedule of phases. It decides and tells what becomes of each answer; it judges
// nothing.
package faults

import (
	"math/rand/v2"
	"sync"
	"time"

	"fluent-bit-sls/tests/campaign/report"
	"fluent-bit-sls/tests/panicking"
	"fluent-bit-sls/tests/slsfake"
)

// RequestTimeout is the plugin's request_timeout. Planned delays keep away from
// it: below a fifth of it or well beyond it, so that a busy machine does not decide whether
// an answer comes in time.
const RequestTimeout = 3 * time.Second

// Injector decides what becomes of each call, by the conditions of the moment. Its hooks are
// OnPutLogs and OnRead.
type Injector struct {
	// Noted is told of each PutLogs, before it is carried out, what becomes of its
	// answer and after which planned delay.
	Noted   func(requestID string, o Outcome, delay time.Duration) error
	OnFault func(*slsfake.Call) // told of each call of an input that meets a fault
	Absent  string              // begins the names of logstores that do not exist

	failures *report.Failures
	table    []Fault
	gate     sync.RWMutex // held for reading by each call for a moment, alone to hold calls back

	mu         sync.Mutex // guards what follows
	random     *rand.Rand
	conditions conditions
	counts     map[string]int
	snares     map[string]*Snare
	numbers    map[number]bool // sequence numbers that came
}

// NewInjector returns one that makes calls meet the faults of the table once conditions say so.
func NewInjector(table []Fault, random *rand.Rand, failures *report.Failures) *Injector {
	return &Injector{table: table, random: random, failures: failures, counts: map[string]int{}, snares: map[string]*Snare{}, numbers: map[number]bool{}}
}

// Hold keeps all calls waiting while fn runs.
func (f *Injector) Hold(fn func()) {
	f.gate.Lock()
	defer f.gate.Unlock()
	fn()
}

// conditions hold for all calls of a phase. The zero value has no fault.
type conditions struct {
	faultRate   float64       // share of calls that meet a fault of their own
	missing     string        // this logstore does not exist
	quota       string        // this logstore's quota is used up, but for one call in eight
	delayAll    time.Duration // delays every call that meets no other fault
	smallBodies bool          // larger bodies are refused, see oversize
	hang        bool          // every call hangs until its client gives up
}

func (f *Injector) set(w conditions) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conditions = w
}

// Count counts something that has happened, by its name.
func (f *Injector) Count(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[name]++
}

// Counted returns how often something has happened.
func (f *Injector) Counted(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[name]
}

// String lists what has happened, and how often.
func (f *Injector) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return report.List(f.counts)
}

// Fault is one way for a call to fail. do returns what becomes of the answer of
// a call that is carried out, and the delay it has planned. luck is random, in [0,1).
type Fault struct {
	name   string
	weight int
	do     func(f *Injector, c *slsfake.Call, luck float64) (Outcome, time.Duration)
}

// meets tells whether a call can meet the fault.
func (x *Fault) meets(c *slsfake.Call) bool {
	return x != nil && (x.name != panicking.Fault || panicking.Can(c))
}

func (f *Injector) note(c *slsfake.Call, o Outcome, delay time.Duration) {
	if err := f.Noted(c.RequestID, o, delay); err != nil {
		f.failures.Addf("%v", err)
	}
}

// draw decides about one call. It takes the same number of random numbers for each, so
// the sequence of decisions depends on the seed alone.
func (f *Injector) draw() (w conditions, hit *Fault, luck float64) {
	total := 0
	for i := range f.table {
		total += f.table[i].weight
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	chance, which := f.random.Float64(), f.random.IntN(total)
	luck = f.random.Float64()
	if chance >= f.conditions.faultRate {
		return f.conditions, nil, luck
	}
	for i := range f.table {
		if which -= f.table[i].weight; which < 0 {
			return f.conditions, &f.table[i], luck
		}
	}
	return f.conditions, nil, luck // not reached: which was less than the sum
}

// Expected tells whether a line of a host belongs to the panics that it was made to have. It
// counts those that are logged.
func (f *Injector) Expected(line string) bool {
	if panicking.Logged(line) {
		f.Count("panic logged")
		return true
	}
	return panicking.Counted(line)
}
