package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// outcome is what a fault did to the answer of a write that was carried out.
type outcome uint8

const (
	outcomeClear   outcome = iota // the client was answered what happened
	outcomeReset                  // accepted, then the connection was reset
	outcomeLate                   // accepted or not, answered after the client's time-out
	outcomeGateway                // accepted, then answered 5xx by a gateway in between
	outcomes
)

func (o outcome) String() string {
	return [outcomes]string{"clear", "reset after accepting", "answer after the time-out", "5xx after accepting"}[o]
}

// cutGrace is what an emulator on a busy machine takes at most, planned delays
// apart, from its hook to the answer. For so long before a cut of the network no
// call is let through, so that a call either has its answer before the cut, or is
// carried out behind it and has none.
const cutGrace = 700 * time.Millisecond

// write is one PutLogs the emulator let through to its hooks.
type write struct {
	at          time.Duration // when it came
	delay       time.Duration // planned, before and after carrying it out
	outcome     outcome
	stored      bool
	incarnation int32 // who sent it; known once it is stored
}

// incarnation is the life of one set of output instances: from init to exit,
// reload or kill. What a plugin remembers of delivered segments dies with it.
type incarnation struct {
	lane  int
	ended bool
	at    time.Duration
	how   string        // kill, exit, reload
	over  time.Duration // when its end was complete; 0 = not yet
}

// cut is a time during which the emulator's network was down.
type cut struct{ from, to time.Duration }

// ledger holds what may explain that a record is stored twice: the fate of each
// write, who sent it, and when senders ended.
type ledger struct {
	begin time.Time

	mu           sync.Mutex // guards what follows
	writes       []write    // by the number in the request id
	incarnations []incarnation
	cuts         []cut
}

func newLedger() *ledger { return &ledger{begin: time.Now()} }

// now is the campaign's clock.
func (l *ledger) now() time.Duration { return time.Since(l.begin) }

// requestNumber reads the number in one of the emulator's request ids.
func requestNumber(id string) (int, error) {
	n, err := strconv.ParseUint(id, 16, 32)
	return int(n), err
}

// note records a write and what is about to become of its answer.
func (l *ledger) note(requestID string, o outcome, delay time.Duration) error {
	n, err := requestNumber(requestID)
	if err != nil {
		return fmt.Errorf("request id %q: %w", requestID, err)
	}
	at := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.writes) <= n {
		l.writes = append(l.writes, write{incarnation: -1})
	}
	l.writes[n] = write{at: at, delay: delay, outcome: o, incarnation: -1}
	return nil
}

// accepted records that the emulator stored the write, sent with this source, and
// returns whose that is. It is an error when nobody noted the request, nobody has the source, or its
// incarnation had ended in good order before it sent this: an exit must leave
// nothing behind.
func (l *ledger) accepted(number int, source string) (incarnation int32, err error) {
	n, err := strconv.Atoi(source)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || n < 0 || n >= len(l.incarnations) || number >= len(l.writes) || l.writes[number].at == 0 {
		return 0, fmt.Errorf("source %q and this request belong to nobody", source)
	}
	w := &l.writes[number]
	w.stored, w.incarnation = true, int32(n)
	if i := l.incarnations[n]; i.how != endKill && i.over > 0 && w.at > i.over+cutGrace {
		return 0, fmt.Errorf("incarnation %d sent this at %.3fs, and its %s was over at %.3fs", n, w.at.Seconds(), i.how, i.over.Seconds())
	}
	return int32(n), nil
}

// born returns the number of a new incarnation, which its instances carry as
// their source.
func (l *ledger) born(lane int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.incarnations = append(l.incarnations, incarnation{lane: lane})
	return len(l.incarnations) - 1
}

// dies is called when the end of an incarnation begins: from here on it may
// leave chunks unacknowledged that it has delivered in part.
func (l *ledger) dies(number int, how string) {
	at := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	i := &l.incarnations[number]
	i.ended, i.at, i.how = true, at, how
}

// dead is called when the end of an incarnation is complete.
func (l *ledger) dead(number int) {
	at := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.incarnations[number].over = at
}

// down and up bracket a cut of the network.
func (l *ledger) down() {
	at := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cuts = append(l.cuts, cut{from: at, to: 1<<63 - 1})
}

func (l *ledger) up() {
	at := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cuts[len(l.cuts)-1].to = at
}

// doubtLocked says why the client may not know that w was accepted; "" if it
// must know.
func (l *ledger) doubtLocked(w *write) string {
	if w.outcome != outcomeClear {
		return w.outcome.String()
	}
	for _, c := range l.cuts {
		if w.at <= c.to && w.at+w.delay+cutGrace >= c.from {
			return "network cut"
		}
	}
	return ""
}

// ambiguous counts the accepted writes whose client may not know it.
func (l *ledger) ambiguous() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for i := range l.writes {
		if w := &l.writes[i]; w.stored && l.doubtLocked(w) != "" {
			n++
		}
	}
	return n
}

// explain finds a cause for each time but one that a record was written. numbers
// are the writes in the order in which the emulator got them; acked is when its
// chunk was acknowledged. bare counts those without a cause.
//
// Of the writes of one incarnation all but the last must have left the client in
// doubt. An incarnation may write again what an earlier one wrote, if that one
// ended while the chunk was not acknowledged; which of the two the emulator got
// first says nothing: what a killed process has sent may still lie in a socket.
func (l *ledger) explain(numbers []int, acked time.Duration) (causes []string, bare int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := map[int32]int{} // by incarnation, its last write
	for _, n := range numbers {
		w := &l.writes[n]
		if before, again := last[w.incarnation]; !again {
		} else if cause := l.doubtLocked(&l.writes[before]); cause != "" {
			causes = append(causes, cause)
		} else {
			bare++
		}
		last[w.incarnation] = n
	}
	born := slices.Sorted(maps.Keys(last))
	for i := range born[:len(born)-1] {
		a, b := l.incarnations[born[i]], l.incarnations[born[i+1]]
		if a.ended && a.at < acked && a.lane == b.lane {
			causes = append(causes, a.how)
		} else {
			bare++
		}
	}
	return causes, bare
}

// story tells what is known of some writes, for a failure.
func (l *ledger) story(numbers ...int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var text strings.Builder
	for _, n := range numbers {
		w := &l.writes[n]
		doubt := l.doubtLocked(w)
		if doubt == "" {
			doubt = "clear"
		}
		i := l.incarnations[w.incarnation]
		fmt.Fprintf(&text, "; written at %.3fs by request %d (%s) of incarnation %d", w.at.Seconds(), n, doubt, w.incarnation)
		if i.ended {
			fmt.Fprintf(&text, " (%s at %.3fs, over at %.3fs)", i.how, i.at.Seconds(), i.over.Seconds())
		}
	}
	return text.String()
}
