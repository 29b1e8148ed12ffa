package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"fluent-bit-sls/tests/demo/report"
)

const (
	// liveEvery and plainEvery are the times between two lines on a terminal,
	// where one replaces the other, and elsewhere.
	liveEvery, plainEvery = 200 * time.Millisecond, time.Second
	// stallAfter is how long no line may move before that is said, and said again.
	// It is longer than what a run without trouble takes to write checkpoints.
	stallAfter = 10 * time.Second
	// liveWidth keeps the line on a terminal from breaking, which could not be
	// taken back.
	liveWidth = 79
)

// progress shows how far the demo is, and what it waits for. It owns its output.
type progress struct {
	out   io.Writer
	live  bool // a terminal: the line is replaced in place
	began time.Time
	quit  chan struct{}
	done  chan struct{}

	mu       sync.Mutex // guards what follows and out; status is called under it
	status   status
	last     status // as of the last line
	lastAt   time.Time
	movedAt  time.Time // when a line last moved, or the phase changed
	stallAt  time.Time // when to say that nothing moves
	onScreen bool      // a line that is to be replaced
}

// status is where the demo is.
type status struct {
	phase        string
	waitsFor     func() string
	counts       func() (stored, back int) // nil before there is anything to count
	log          func() string             // of the host at work
	meanLine     float64                   // bytes
	stored, back int
}

// newProgress starts showing; stop ends it.
func newProgress(out io.Writer, live bool) *progress {
	now := time.Now()
	p := &progress{
		out: out, live: live, began: now, lastAt: now, movedAt: now, stallAt: now.Add(stallAfter),
		quit: make(chan struct{}), done: make(chan struct{}),
		status: status{phase: "prepare", waitsFor: func() string { return "the start" }},
	}
	go p.run()
	return p
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

func (p *progress) run() {
	defer close(p.done)
	every := plainEvery
	if p.live {
		every = liveEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.tick()
		case <-p.quit:
			return
		}
	}
}

// stop takes the line away and ends p.
func (p *progress) stop() {
	close(p.quit)
	<-p.done
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

// phase says what is being done, and how to find out what it waits for.
func (p *progress) phase(name string, waitsFor func() string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status.phase, p.status.waitsFor = name, waitsFor
	p.movedAt = time.Now()
	p.stallAt = p.movedAt.Add(stallAfter)
}

// count says where the counts come from; meanLine is the mean length of a line.
func (p *progress) count(counts func() (stored, back int), meanLine float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status.counts, p.status.meanLine = counts, meanLine
}

// follow says where the log of the host at work is.
func (p *progress) follow(log func() string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status.log = log
}

// print writes a line that stays.
func (p *progress) print(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintf(p.out, format+"\n", args...) //nolint:errcheck // there is nowhere to say so
}

func (p *progress) clear() {
	if p.onScreen {
		fmt.Fprint(p.out, "\r\x1b[K") //nolint:errcheck // as in print
	}
	p.onScreen = false
}

// tick writes where the demo is.
func (p *progress) tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	s := p.status
	if s.counts != nil {
		s.stored, s.back = s.counts()
	}
	if s.stored != p.last.stored || s.back != p.last.back {
		p.movedAt, p.stallAt = now, now.Add(stallAfter)
	}
	line := p.line(s, now)
	p.last, p.lastAt = s, now
	p.clear()
	if now.Before(p.stallAt) {
		p.write(line)
		return
	}
	p.stallAt = now.Add(stallAfter)
	fmt.Fprintf(p.out, "%s\n%s\n", line, p.stall(s, now)) //nolint:errcheck // as in print
}

func (p *progress) write(line string) {
	if !p.live {
		fmt.Fprintln(p.out, line) //nolint:errcheck // as in print
		return
	}
	if r := []rune(line); len(r) > liveWidth {
		line = string(r[:liveWidth])
	}
	fmt.Fprint(p.out, line) //nolint:errcheck // as in print
	p.onScreen = true
}

// line has the counts, the rate since the last line, and what is waited for.
func (p *progress) line(s status, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%6.1fs %s", now.Sub(p.began).Seconds(), s.phase)
	if s.counts != nil {
		moved := s.stored - p.last.stored + s.back - p.last.back
		fmt.Fprintf(&b, ": stored %s, back %s, %.1f MB/s", report.Count(s.stored), report.Count(s.back),
			report.Rate(int64(float64(moved)*s.meanLine), now.Sub(p.lastAt)))
	}
	return b.String() + "; waits for " + s.waitsFor()
}

// stall says for how long nothing has moved and what the host said last.
func (p *progress) stall(s status, now time.Time) string {
	text := fmt.Sprintf("        nothing has moved for %.0fs, waiting for %s", now.Sub(p.movedAt).Seconds(), s.waitsFor())
	if s.log == nil {
		return text
	}
	lines := strings.Split(strings.TrimSpace(s.log()), "\n")
	return text + "; the host's log ends with: " + mask(lines[len(lines)-1])
}
