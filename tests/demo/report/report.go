// Package report owns the page that the demo leaves behind: it makes one HTML
// file, which needs no network and no script, out of the figures of a round
// trip. It measures nothing, and judges nothing but the sum of the checks.
package report

import (
	"fmt"
	"time"
)

// Run is one round trip as the demo measured it. Times within it count from
// Began.
type Run struct {
	Began    time.Time
	Took     time.Duration
	Host     string // what ran the plugins, as "fluent-bit 5.1.1"
	Lines    int    // of the file
	Bytes    int64  // of the file
	Facts    []Fact // what ran, in the order to be shown
	Sections []Section
	Phases   []Phase
	Speeds   []Speed
	Stored   []Arrival // lines as SLS accepted them
	Read     []Arrival // lines as the host of in_sls had them
	Calls    []Call
	Shards   []Shard
	Checks   []Check

	ReadBack, Lost, Duplicated int

	// Error is why the run ended before its time; "" if it did not.
	Error string
}

// Fact is a name and its value. Secrets are masked by whoever makes it.
type Fact struct{ Name, Value string }

// Section is a configuration section with the options in force.
type Section struct {
	Title   string
	Options []Fact
}

// Phase is a part of the run.
type Phase struct {
	Name     string
	From, To time.Duration
}

// Speed is how long a number of lines took.
type Speed struct {
	Name  string
	Lines int
	Took  time.Duration
}

// Arrival is a number of lines that came at one moment.
type Arrival struct {
	At    time.Duration
	Lines int
}

// Call is one kind of request as SLS saw it.
type Call struct {
	Name    string
	Refused int             // answered with an error, or not at all
	Wire    int64           // bytes of the bodies that carry logs, as transferred
	Raw     int64           // the same, uncompressed
	Took    []time.Duration // of each request, in no order
}

// Shard is one shard at the end of the run.
type Shard struct {
	ID             int
	Begin, End     string // hash range, 32 hex digits each, the end exclusive
	Stored, Read   int    // lines
	Bytes          int64  // uncompressed
	Groups         int64  // log groups
	CheckpointDone bool   // the group's checkpoint stands at the end
}

// Outcome is what became of a check.
type Outcome int

// The outcomes. OutcomeOpen is for what the run did not come to.
const (
	OutcomeOpen Outcome = iota
	OutcomePassed
	OutcomeFailed
)

// String is how the page words an outcome.
func (o Outcome) String() string {
	switch o {
	case OutcomePassed:
		return "passed"
	case OutcomeFailed:
		return "failed"
	default:
		return "not reached"
	}
}

// Check is one thing that was verified.
type Check struct {
	Name    string
	Outcome Outcome
	Found   string // what was found, with numbers
	Fails   string // what would have failed it
}

// OK tells whether the run came to its end and every check passed.
func (r *Run) OK() bool {
	for _, c := range r.Checks {
		if c.Outcome != OutcomePassed {
			return false
		}
	}
	return r.Error == "" && len(r.Checks) > 0 && r.Lost == 0 && r.Duplicated == 0
}

// Line is the one line that the demo ends with.
func (r *Run) Line() string {
	return fmt.Sprintf("demo: shipped %d, read back %d, lost %d, duplicated %d (host: %s)",
		r.Lines, r.ReadBack, r.Lost, r.Duplicated, r.Host)
}

// meanLine is the mean length of a line in bytes, line end included.
func (r *Run) meanLine() float64 { return float64(r.Bytes) / float64(max(1, r.Lines)) }

// Took is how long the phase was.
func (p Phase) Took() time.Duration { return p.To - p.From }
