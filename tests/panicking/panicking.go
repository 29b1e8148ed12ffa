// Package panicking builds plugins that can be made to panic, and makes them.
//
// No input is known that makes the plugins panic. These are built from the same source with
// one more line, which go build's overlay puts behind a call's answer: it panics when the
// answer has a certain header. That is in whichever goroutine makes the call, be it a pull,
// a heartbeat, a commit or a write. The plugins that are shipped do not have the line.
package panicking

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"fluent-bit-sls/tests/slsfake"
)

// The parts of a panic's fault.
const (
	Fault   = "panic"             // its name
	Text    = "a panic of a test" // of the panic
	Version = "overlaid"          // of the plugins, by which their calls are known; logs have it in lines about no panic
	header  = "X-Test-Panic"

	// call and body are in shared/sls, in this order: the line comes behind them.
	call = "c.transport.RoundTrip("
	body = "defer resp.Body.Close()"
	line = "\n\tif resp.Header.Get(\"" + header + "\") != \"\" {\n\t\tpanic(\"" + Text + "\")\n\t}\n"
)

// Build builds the plugin of that name from the tree at source, with that line, into dir.
func Build(ctx context.Context, source, dir, name string) (so string, err error) {
	overlay, err := writeOverlay(source, dir)
	if err != nil {
		return "", err
	}
	if so, err = filepath.Abs(filepath.Join(dir, name+"-panics.so")); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "-buildmode=c-shared", "-trimpath",
		"-ldflags", "-X main.version="+Version, "-o", so, "./"+name)
	cmd.Dir, cmd.Env = source, append(os.Environ(), "CGO_ENABLED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s with a panic: %w\n%s", name, err, out)
	}
	return so, nil
}

// writeOverlay writes the changed file and the overlay that puts it in the place of its original.
func writeOverlay(source, dir string) (path string, err error) {
	files, err := filepath.Glob(filepath.Join(source, "shared", "sls", "*.go"))
	if err != nil {
		return "", err
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		changed, ok := insert(string(text))
		if !ok || strings.HasSuffix(name, "_test.go") {
			continue
		}
		copied, path := filepath.Join(dir, "panics.go"), filepath.Join(dir, "panics.json")
		original, err := filepath.Abs(name)
		if err != nil {
			return "", err
		}
		overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{original: copied}})
		return path, errors.Join(err, os.WriteFile(copied, []byte(changed), 0o600), os.WriteFile(path, overlay, 0o600))
	}
	return "", fmt.Errorf("no file of %s/shared/sls has %q and then %q: where is the panic to go?", source, call, body)
}

// insert puts the line into the text of a file, if it has the place.
func insert(text string) (changed string, ok bool) {
	before, rest, called := strings.Cut(text, call)
	between, rest, closed := strings.Cut(rest, body)
	comment, after, whole := strings.Cut(rest, "\n")
	if !called || !closed || !whole {
		return "", false
	}
	return before + call + between + body + comment + line + after, true
}

// Can tells whether the call comes from a plugin that can panic.
func Can(c *slsfake.Call) bool {
	return strings.HasSuffix(c.Header.Get("User-Agent"), "/"+Version)
}

// Answer answers so that the plugin panics, instead of carrying the call out.
func Answer(c *slsfake.Call) { c.Answer(http.StatusInternalServerError, answer(), nil) }

// AnswerAfter carries the call out and answers so that the plugin panics.
func AnswerAfter(c *slsfake.Call) { c.AnswerAfter(http.StatusInternalServerError, answer(), nil) }

func answer() http.Header { return http.Header{header: {"1"}} }

// Logged tells whether a line of a host is about a panic that it was made to have.
func Logged(line string) bool { return strings.Contains(line, Text) }

// Counted tells whether a line of a host counts panics, with its other metrics.
func Counted(line string) bool { return strings.Contains(line, "panics_total") }
