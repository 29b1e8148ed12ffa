package slsfake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Fault is what a hook can do, in JSON: which calls, and what happens to them.
type Fault struct {
	// Name is shown by the page, which has a switch for each of its own names.
	Name string `json:"name,omitempty"`

	// Which calls. What is left out matches all of them.
	Op       Op     `json:"op,omitempty"` // as "PutLogs"
	Project  string `json:"project,omitempty"`
	Logstore string `json:"logstore,omitempty"`
	Group    string `json:"group,omitempty"`
	Consumer string `json:"consumer,omitempty"`
	Shard    *int   `json:"shard,omitempty"`

	// Of the calls that match: only every n-th, and only the first so many of those.
	// 0 = all.
	Every int `json:"every,omitempty"`
	Times int `json:"times,omitempty"`

	// What happens, as the methods of Call say.
	Fail           *FaultError  `json:"fail,omitempty"`
	FailHTML       int          `json:"fail_html,omitempty"` // status
	Answer         *FaultAnswer `json:"answer,omitempty"`
	FailAfter      *FaultError  `json:"fail_after,omitempty"`
	AnswerAfter    *FaultAnswer `json:"answer_after,omitempty"`
	RecordSequence bool         `json:"record_sequence,omitempty"`
	Delay          FaultTime    `json:"delay,omitempty"`
	DelayAfter     FaultTime    `json:"delay_after,omitempty"`
	CloseBefore    bool         `json:"close_before,omitempty"`
	CloseAfter     bool         `json:"close_after,omitempty"`
	Truncate       *int         `json:"truncate,omitempty"`  // bytes of the answer's body
	SlowBody       int          `json:"slow_body,omitempty"` // bytes per second
}

// FaultError is an error of the service's form.
type FaultError struct {
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Message string `json:"message,omitempty"`
}

// FaultAnswer is an answer to the byte.
type FaultAnswer struct {
	Status int         `json:"status"`
	Header http.Header `json:"header,omitempty"`
	Body   string      `json:"body,omitempty"`
}

// FaultTime is a duration, in JSON as "2s" or "150ms".
type FaultTime time.Duration

// MarshalJSON writes it as time.Duration prints it.
func (t FaultTime) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(t).String()) }

// UnmarshalJSON reads what time.ParseDuration reads.
func (t *FaultTime) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return errors.New(`a time is a string as "2s"`)
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no time as \"2s\"", text)
	}
	*t = FaultTime(d)
	return nil
}

// check refuses what would do nothing or could not be sent.
func (f *Fault) check() error {
	if f.Op != "" && !slices.Contains(operations, f.Op) {
		return fmt.Errorf("op %q: there is no such operation", f.Op)
	}
	if f.Every < 0 || f.Times < 0 {
		return errors.New("every and times may not be negative")
	}
	for _, e := range []*FaultError{f.Fail, f.FailAfter} {
		if e != nil && (e.Status < 400 || e.Status > 599 || e.Code == "") {
			return fmt.Errorf("an error needs a status of 400 to 599 and a code, not %d and %q", e.Status, e.Code)
		}
	}
	for _, a := range []*FaultAnswer{f.Answer, f.AnswerAfter} {
		if a != nil && (a.Status < 200 || a.Status > 599) {
			return fmt.Errorf("an answer needs a status of 200 to 599, not %d", a.Status)
		}
	}
	if f.FailHTML != 0 && (f.FailHTML < 400 || f.FailHTML > 599) {
		return fmt.Errorf("fail_html needs a status of 400 to 599, not %d", f.FailHTML)
	}
	if f.Fail == nil && f.FailHTML == 0 && f.Answer == nil && f.FailAfter == nil && f.AnswerAfter == nil &&
		f.Delay == 0 && f.DelayAfter == 0 && !f.CloseBefore && !f.CloseAfter && f.Truncate == nil && f.SlowBody <= 0 {
		return errors.New("nothing happens: fail, fail_html, answer, fail_after, answer_after, delay, delay_after, " +
			"close_before, close_after, truncate or slow_body is needed")
	}
	return nil
}

// matches reports whether the fault is for this call.
func (f *Fault) matches(c *Call) bool {
	same := func(want, got string) bool { return want == "" || want == got }
	return same(string(f.Op), string(c.Op)) && same(f.Project, c.Project) && same(f.Logstore, c.Logstore) &&
		same(f.Group, c.Group) && same(f.Consumer, c.Consumer) && (f.Shard == nil || *f.Shard == c.Shard)
}

// act does to the call what the fault says.
func (f *Fault) act(c *Call) {
	if f.Fail != nil {
		c.Fail(f.Fail.Status, f.Fail.Code, f.Fail.Message)
	}
	if f.FailHTML != 0 {
		c.FailHTML(f.FailHTML)
	}
	if f.Answer != nil {
		c.Answer(f.Answer.Status, f.Answer.Header, []byte(f.Answer.Body))
	}
	if f.FailAfter != nil {
		c.FailAfter(f.FailAfter.Status, f.FailAfter.Code, f.FailAfter.Message)
	}
	if f.AnswerAfter != nil {
		c.AnswerAfter(f.AnswerAfter.Status, f.AnswerAfter.Header, []byte(f.AnswerAfter.Body))
	}
	if f.RecordSequence {
		c.RecordSequence()
	}
	if f.Delay > 0 {
		c.Delay(time.Duration(f.Delay))
	}
	if f.DelayAfter > 0 {
		c.DelayAfter(time.Duration(f.DelayAfter))
	}
	if f.CloseBefore {
		c.CloseBefore()
	}
	if f.CloseAfter {
		c.CloseAfter()
	}
	if f.Truncate != nil {
		c.Truncate(*f.Truncate)
	}
	if f.SlowBody > 0 {
		c.SlowBody(f.SlowBody)
	}
}

// SetFault is a fault that is set, with what has come of it.
type SetFault struct {
	ID int `json:"id"`
	Fault
	Seen int `json:"seen"` // calls that matched
	Hit  int `json:"hit"`  // calls that it has acted on
}

// faultTable holds the faults set over HTTP.
type faultTable struct {
	mu   sync.Mutex // guards what follows
	last int        // id
	set  []*liveFault
}

type liveFault struct {
	SetFault
	remove func()
}

// AddFault sets a fault until RemoveFault, and returns its id. The error says what is
// wrong with it.
func (s *Server) AddFault(f Fault) (id int, err error) {
	if err := f.check(); err != nil {
		return 0, err
	}
	t := &s.faults
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	live := &liveFault{SetFault: SetFault{ID: t.last, Fault: f}}
	live.remove = s.Hook(f.Op, func(c *Call) {
		if f.matches(c) && t.count(live) {
			f.act(c)
		}
	})
	t.set = append(t.set, live)
	return live.ID, nil
}

// count counts a call that matches, and reports whether the fault acts on it.
func (t *faultTable) count(f *liveFault) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	f.Seen++
	if f.Every > 1 && f.Seen%f.Every != 0 || f.Times > 0 && f.Hit >= f.Times {
		return false
	}
	f.Hit++
	return true
}

// Faults lists the faults that are set, oldest first.
func (s *Server) Faults() []SetFault {
	t := &s.faults
	t.mu.Lock()
	defer t.mu.Unlock()
	out := []SetFault{}
	for _, f := range t.set {
		out = append(out, f.SetFault)
	}
	return out
}

// RemoveFault takes a fault out again; false if there is none of that id.
func (s *Server) RemoveFault(id int) bool {
	return s.removeFaults(func(f *liveFault) bool { return f.ID == id }) > 0
}

func (s *Server) removeFaults(which func(*liveFault) bool) (removed int) {
	t := &s.faults
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set = slices.DeleteFunc(t.set, func(f *liveFault) bool {
		if !which(f) {
			return false
		}
		f.remove()
		removed++
		return true
	})
	return removed
}

// readFault reads a fault of a request: one JSON object, without names that it does not
// have.
func readFault(b []byte) (Fault, error) {
	var f Fault
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return f, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return f, errors.New("more than one JSON value")
	}
	return f, f.check()
}
