package main

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

// No input is known that makes the plugins panic. So the hosts of one lane have plugins
// that were built from the same source but for one line, which go build's overlay puts
// behind a call's answer: it panics when the answer has a certain header. That is in
// whichever goroutine makes the call, be it a pull, a heartbeat, a commit or a write, and no
// product has a line for it.
const (
	panicFault   = "panic"
	panicHeader  = "X-Campaign-Panic"
	panicText    = "a panic of the campaign"
	panicVersion = "campaign" // of the plugins, so that their calls are known by the User-Agent

	// panicBehind is the call in shared/sls, and panicAfter what follows it before
	// the line.
	panicBehind = "c.transport.RoundTrip("
	panicAfter  = "defer resp.Body.Close()"
	panicLine   = "\n\tif resp.Header.Get(\"" + panicHeader + "\") != \"\" {\n\t\tpanic(\"" + panicText + "\")\n\t}\n"
)

// buildPanicking builds the plugins of the tree at c.source with that line, if there is one.
func (c *config) buildPanicking(ctx context.Context) error {
	if c.source == "" {
		return nil
	}
	overlay, err := c.overlay()
	if err != nil {
		return err
	}
	for name, so := range map[string]*string{"out_sls": &c.panicSo, "in_sls": &c.panicInSo} {
		if *so, err = filepath.Abs(filepath.Join(c.dir, name+"-panics.so")); err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "-buildmode=c-shared", "-trimpath",
			"-ldflags", "-X main.version="+panicVersion, "-o", *so, "./"+name)
		cmd.Dir, cmd.Env = c.source, append(os.Environ(), "CGO_ENABLED=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s with a panic: %w\n%s", name, err, out)
		}
	}
	return nil
}

// overlay writes the changed file and the overlay that puts it in the place of its original.
func (c *config) overlay() (path string, err error) {
	files, err := filepath.Glob(filepath.Join(c.source, "shared", "sls", "*.go"))
	if err != nil {
		return "", err
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		changed, ok := insertPanic(string(text))
		if !ok || strings.HasSuffix(name, "_test.go") {
			continue
		}
		copied, path := filepath.Join(c.dir, "panics.go"), filepath.Join(c.dir, "panics.json")
		original, err := filepath.Abs(name)
		if err != nil {
			return "", err
		}
		overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{original: copied}})
		return path, errors.Join(err, os.WriteFile(copied, []byte(changed), 0o600), os.WriteFile(path, overlay, 0o600))
	}
	return "", fmt.Errorf("no file of %s/shared/sls has %q and then %q: where is the panic to go?", c.source, panicBehind, panicAfter)
}

// insertPanic puts the line into the text of a file, if it has the place.
func insertPanic(text string) (changed string, ok bool) {
	before, behind, called := strings.Cut(text, panicBehind)
	between, after, ok := strings.Cut(behind, panicAfter)
	rest, end, whole := strings.Cut(after, "\n")
	if !called || !ok || !whole {
		return "", false
	}
	return before + panicBehind + between + panicAfter + rest + panicLine + end, true
}

// panics tells whether the call comes from a plugin that can panic.
func panics(c *slsfake.Call) bool {
	return strings.HasSuffix(c.Header.Get("User-Agent"), "/"+panicVersion)
}

// answerPanic answers so that the plugin panics.
func answerPanic(c *slsfake.Call) {
	c.Answer(http.StatusInternalServerError, http.Header{panicHeader: {"1"}}, nil)
}

// expected tells whether a line of a host is about a panic that it was made to have, or
// counts such, and counts it.
func (f *faults) expected(line string) bool {
	if strings.Contains(line, panicText) {
		f.count("panic logged")
		return true
	}
	return strings.Contains(line, "panics_total")
}
