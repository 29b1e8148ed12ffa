package secrets

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"fluent-bit-sls/tests/campaign/report"
	"fluent-bit-sls/tests/slsfake"
)

// Watch looks at what the hosts log and print, at what the campaign prints, and at every
// request. No secret and no token may be in it. The id of a key may. What is written to it is
// what the campaign prints.
type Watch struct {
	names map[string]string // by what must not appear, what it is
	hide  *strings.Replacer

	mu         sync.Mutex // guards what follows
	out        io.Writer
	transcript io.Writer // gets every line of the hosts; nil = nobody wants them
	leaks      int
	lines      int
	agents     map[string]bool // User-Agents seen
}

// NewWatch looks for the secrets and tokens of keys. What it is given to print goes to out,
// and the lines of hosts to transcript unless that is nil.
func NewWatch(out, transcript io.Writer, keys []Key) *Watch {
	w := &Watch{out: out, transcript: transcript, names: map[string]string{}, agents: map[string]bool{}}
	for _, k := range keys {
		w.names[k.Secret] = "a secret"
		if k.Token != "" {
			w.names[k.Token] = "a token"
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
func (w *Watch) find(text string) string {
	for word, name := range w.names {
		if strings.Contains(text, word) {
			return name
		}
	}
	return ""
}

// Write implements io.Writer for what the campaign prints, a line at a time.
func (w *Watch) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if name := w.find(string(p)); name != "" {
		w.leaks++
		_, err := fmt.Fprintf(w.out, "FAILURE: the campaign prints %s: %s", name, w.hide.Replace(string(p)))
		return len(p), err
	}
	return w.out.Write(p)
}

// Line looks at a line that a host logs or prints.
func (w *Watch) Line(who, line string) {
	w.mu.Lock()
	w.lines++
	if w.transcript != nil {
		_, _ = fmt.Fprintf(w.transcript, "%s: %s\n", who, line) // for whoever wants to know
	}
	w.mu.Unlock()
	w.look("the log of "+who, line)
}

// Call is a hook of every operation: a secret belongs into no request, and a token
// into one header.
func (w *Watch) Call(c *slsfake.Call) {
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

func (w *Watch) look(where, text string) {
	name := w.find(text)
	if name == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leaks++
	if w.leaks <= report.MaxPrinted {
		report.Say(w.out, fmt.Sprintf("FAILURE: %s in %s: %s", name, where, w.hide.Replace(text)))
	}
}

// Verdict says how much was watched and how often a part of a key was in it.
func (w *Watch) Verdict() (line string, leaks int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprintf("secrets:    %d lines of the hosts and %d user agents looked at, %d leaks", w.lines, len(w.agents), w.leaks), w.leaks
}
