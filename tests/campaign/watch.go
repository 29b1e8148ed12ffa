package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"

	"fluent-bit-sls/tests/slsfake"
)

// key is one of the emulators' key pairs; token "" is a permanent one.
type key struct{ id, secret, token string }

// newKeys are one permanent and one temporary key. The secrets are unlike anything
// else, so that finding one in a log means something.
func newKeys(r *rand.Rand) []key {
	secret := func(what string) string { return fmt.Sprintf("campaign%s%016x%016x", what, r.Uint64(), r.Uint64()) }
	return []key{
		{id: "campaign-key", secret: secret("secret")},
		{id: "STS.campaign-key", secret: secret("secret"), token: secret("token")},
	}
}

// watch sees all that a campaign makes appear: what the hosts log and print, the
// metrics among it, what the campaign itself prints, and every request. No secret
// and no token may be in it; the id of a key is none, and the log names it. Its
// Write is the campaign's output.
type watch struct {
	names map[string]string // by what must not appear, what it is
	hide  *strings.Replacer

	mu         sync.Mutex // guards what follows
	out        io.Writer
	transcript io.Writer // gets every line of the hosts; nil = nobody wants them
	leaks      int
	lines      int
	agents     map[string]bool // User-Agents seen
}

func newWatch(out, transcript io.Writer, keys []key) *watch {
	w := &watch{out: out, transcript: transcript, names: map[string]string{}, agents: map[string]bool{}}
	for _, k := range keys {
		w.names[k.secret] = "a secret"
		if k.token != "" {
			w.names[k.token] = "a token"
		}
	}
	var pairs []string
	for word, name := range w.names {
		pairs = append(pairs, word, "<"+name+">")
	}
	w.hide = strings.NewReplacer(pairs...)
	return w
}

// find names what text must not have; "" when all is well.
func (w *watch) find(text string) string {
	for word, name := range w.names {
		if strings.Contains(text, word) {
			return name
		}
	}
	return ""
}

// Write implements io.Writer for what the campaign prints, a line at a time.
func (w *watch) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if name := w.find(string(p)); name != "" {
		w.leaks++
		_, err := fmt.Fprintf(w.out, "FAILURE: the campaign prints %s: %s", name, w.hide.Replace(string(p)))
		return len(p), err
	}
	return w.out.Write(p)
}

// host looks at a line that a host logs or prints.
func (w *watch) host(who, line string) {
	w.mu.Lock()
	w.lines++
	if w.transcript != nil {
		_, _ = fmt.Fprintf(w.transcript, "%s: %s\n", who, line) // for whoever wants to know
	}
	w.mu.Unlock()
	w.look("the log of "+who, line)
}

// call is a hook of every operation: a secret belongs into no request, and a token
// into one header.
func (w *watch) call(c *slsfake.Call) {
	w.mu.Lock()
	w.agents[c.Header.Get("User-Agent")] = true
	w.mu.Unlock()
	for name, values := range c.Header {
		if name == http.CanonicalHeaderKey("x-acs-security-token") {
			continue
		}
		w.look("the header "+name+" of "+string(c.Op), strings.Join(values, ","))
	}
	if len(c.Body) < 4096 { // else logs, and compressed
		w.look("the body of "+string(c.Op), string(c.Body))
	}
}

func (w *watch) look(where, text string) {
	name := w.find(text)
	if name == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leaks++
	if w.leaks <= maxPrinted {
		say(w.out, fmt.Sprintf("FAILURE: %s in %s: %s", name, where, w.hide.Replace(text)))
	}
}

// verdict says how much was watched and how often a part of a key was in it.
func (w *watch) verdict() (line string, leaks int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprintf("secrets:    %d lines of the hosts and %d user agents looked at, %d leaks", w.lines, len(w.agents), w.leaks), w.leaks
}
