// Package startup finds out whether a plugin is let in where its options point: when it
// starts, by one cheap call per destination, or by the first answer of each. For each way
// in which that fails it has a sentence that names the option or the RAM action to mend.
//
// It owns the option startup_check, those sentences (explain.go), and the warnings about
// names in a section that are no options (names.go). answers.go does for the first answers
// to an output what a check does at the start. The package never changes anything at SLS
// and never repeats a secret. A check takes no longer than Timeout; its user says what to
// call.
package startup

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/panics"
	"fluent-bit-sls/shared/sls"
)

// Timeout bounds a check, all its calls together.
const Timeout = 10 * time.Second

// maxCalls is how many destinations are asked at once.
const maxCalls = 8

// The modes.
const (
	Off  = "off"
	Warn = "warn" // in the background; what is wrong is logged
	Fail = "fail" // before anything else; what is wrong ends the start
)

// Config is what the option sets.
type Config struct{ Mode string }

// Options declares the option that fills c. by says what the plugin calls for it.
func (c *Config) Options(def, by string) []option.Option {
	return option.Grouped("Connection", []option.Option{{
		Name: "startup_check", Dst: &c.Mode, Example: Fail, Default: def, Enum: []string{Off, Warn, Fail},
		Help: "ask SLS at the start whether it lets the plugin in, by " + by + ": `warn` asks in the background and logs what is wrong and which option or permission mends it; `fail` does not start then",
	}})
}

// Target is a destination and the call that tells whether it can be used.
type Target struct {
	Project, Logstore string // without a Logstore the project as such
	// ProjectOption and LogstoreOption name them in the configuration. "" means that
	// records make the name: then nothing is logged when SLS does not have it.
	ProjectOption, LogstoreOption string
	Action                        string // the RAM action that Call needs, as log:PostLogStoreLogs
	Below                         string // what of the logstore it is needed for, as /consumergroup/*; may be empty
	Call                          func(context.Context) error
}

// String is the destination's name.
func (t *Target) String() string {
	if t.Logstore == "" {
		return t.Project
	}
	return t.Project + "/" + t.Logstore
}

// resource is what the permission is needed for, of any region and account.
func (t *Target) resource() string {
	name := "*"
	if t.Logstore != "" {
		name = t.Logstore
	}
	return "acs:log:*:*:project/" + t.Project + "/logstore/" + name + t.Below
}

// Check is what one section is checked by.
type Check struct {
	Mode    string
	Conn    *sls.ConnectionConfig
	Client  *sls.Client
	Targets []Target
	Verb    string // what a destination is good for: "written to", "read"
	Log     *slog.Logger
}

// Require checks with mode Fail: the error holds every finding, joined. With another
// mode it does nothing.
func (c *Check) Require() error {
	if c.Mode != Fail {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	var problems []error
	for _, finding := range c.run(ctx) {
		problems = append(problems, errors.New("startup_check: "+finding))
	}
	return errors.Join(problems...)
}

// Watch begins to check with mode Warn, and returns at once; with another mode there
// is nothing to do. stop ends the check and waits for its end: call it before client
// and logger end.
func (c *Check) Watch() (stop func()) {
	if c.Mode != Warn {
		return func() {}
	}
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	var wg sync.WaitGroup
	panics.New(c.Log, nil).Go(&wg, "startup_check", func() {
		defer cancel()
		for _, finding := range c.run(ctx) {
			c.Log.Warn("startup_check: " + finding)
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

// run makes the calls and returns what is wrong. What is right is logged.
func (c *Check) run(ctx context.Context) []string {
	answers := make([]error, len(c.Targets))
	guard := panics.New(c.Log, nil)
	var calls errgroup.Group
	calls.SetLimit(maxCalls)
	for i := range c.Targets {
		calls.Go(func() error {
			if err := guard.Catch("startup_check", func() { answers[i] = c.Targets[i].Call(ctx) }); err != nil {
				answers[i] = err
			}
			return nil
		})
	}
	_ = calls.Wait() // the answers are kept apart
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil // stopped: whatever failed, failed for that
	}
	findings, fine := c.judge(answers)
	if len(fine) > 0 {
		c.Log.Info("startup_check: " + strings.Join(fine, ", "))
	}
	return findings
}

// judge returns what is wrong, each once, as a wrong key is wrong for all
// destinations, and what is right.
func (c *Check) judge(answers []error) (findings, fine []string) {
	for i, err := range answers {
		t := &c.Targets[i]
		good, finding := t.String()+" can be "+c.Verb, ""
		if err != nil {
			good = "endpoint and access key are right; " + t.String() + ", made of records, cannot be " + c.Verb
			finding = c.explain(t, err)
		}
		switch {
		case finding == "":
			fine = append(fine, good)
		case !slices.Contains(findings, finding):
			findings = append(findings, finding)
		}
	}
	if finding := c.clock(); finding != "" {
		findings = append(findings, finding)
	}
	return findings, fine
}

// clock judges the difference between the clocks. After a refusal for its time the client
// goes by SLS's clock.
func (c *Check) clock() string {
	off := c.Client.ClockOffset().Round(time.Minute)
	word := "behind"
	if off < 0 {
		off, word = -off, "ahead of"
	}
	if off == 0 {
		return ""
	}
	return "the clock of this host is " + off.String() + " " + word + " that of SLS; set it (NTP): requests are signed with the time of SLS meanwhile, but records get the time of this host"
}

// target describes a destination that records have come to, with the options that name
// it.
func (c *Check) target(project, logstore string) Target {
	to := Target{Project: project, Logstore: logstore}
	for i := range c.Targets {
		known := &c.Targets[i]
		to.Action = known.Action
		if known.Project != project {
			continue
		}
		to.ProjectOption = known.ProjectOption
		if known.Logstore == logstore {
			return *known
		}
	}
	return to
}
