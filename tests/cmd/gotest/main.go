// Command gotest runs every test of the project with the race detector and ends
// with the plain count of what ran. It shows a line per package, all that a
// failing test printed, and the lines that tests mark with "report:".
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
)

// event is a line of `go test -json` (go doc test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64
}

// summary gathers what the run amounts to.
type summary struct {
	passed, failed, skipped int
	output                  map[string][]string // by package and test, until its verdict
	reports                 []string
}

func main() {
	if !run() {
		os.Exit(1)
	}
}

// modules are the folders of the project's modules. The tests of the others need
// what users of the first need not download.
var modules = []string{".", "tests/kubernetes", "tests/grafana"}

// run reports whether every test passed: all there are, or those of the main
// module that the arguments name.
func run() bool {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s := summary{output: map[string][]string{}}
	passed := true
	if len(os.Args) > 1 {
		passed = s.test(ctx, ".", os.Args[1:])
	} else {
		for _, module := range modules {
			passed = s.test(ctx, module, []string{"./..."}) && passed
		}
	}
	for _, line := range s.reports {
		fmt.Println(line)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", s.passed, s.failed, s.skipped)
	return passed && s.failed == 0
}

// test runs the tests that args name in the module and reports whether go test
// was content.
func (s *summary) test(ctx context.Context, module string, args []string) bool {
	// Never from the cache, which knows nothing of the plugins and the Fluent Bit
	// that tests run.
	args = append([]string{"test", "-json", "-race", "-count=1", "-timeout", "20m"}, args...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = module
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		return false
	}
	s.read(out)
	return cmd.Wait() == nil
}

func (s *summary) read(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Println(lines.Text()) // a build error
			continue
		}
		s.take(e)
	}
}

func (s *summary) take(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "build-output":
		fmt.Print(e.Output)
	case "output":
		if text, ok := strings.CutPrefix(strings.TrimSpace(e.Output), "report: "); ok {
			s.reports = append(s.reports, text)
		}
		s.output[key] = append(s.output[key], e.Output)
	case "pass", "fail", "skip":
		s.verdict(e, key)
	}
}

func (s *summary) verdict(e event, key string) {
	if e.Action == "fail" {
		fmt.Print(strings.Join(s.output[key], ""))
	}
	if e.Action == "skip" && e.Test != "" {
		fmt.Printf("skip %s: %s", key, strings.Join(s.output[key], ""))
	}
	delete(s.output, key)
	if e.Test == "" {
		if e.Action != "skip" { // skip: no test files
			fmt.Printf("%-4s %s %.1fs\n", e.Action, e.Package, e.Elapsed)
		}
		return
	}
	switch e.Action {
	case "pass":
		s.passed++
	case "fail":
		s.failed++
	default:
		s.skipped++
	}
}
