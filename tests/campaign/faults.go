package main

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"fluent-bit-sls/tests/slsfake"
)

// requestTimeout is the plugin's request_timeout. Planned delays keep away from
// it: below a fifth of it or well beyond it, so that which side of it an answer
// came to is not a matter of the machine's mood.
const requestTimeout = 3 * time.Second

// faults decides what becomes of each PutLogs, by the weather of the moment.
type faults struct {
	ledger   *ledger
	failures *failures
	relay    *relay
	table    []fault
	struck   func(*slsfake.Call) // told of each call of an input that meets a fault
	gate     sync.RWMutex        // held for reading by each call for a moment, alone to hold calls back

	mu      sync.Mutex // guards what follows
	random  *rand.Rand
	weather weather
	counts  map[string]int
	silent  map[string]bool // keys: what they sign is never answered
}

// weather is what all calls of a time suffer from. The zero value is a fine day.
type weather struct {
	storm    float64       // share of calls that meet a fault of their own
	missing  string        // this logstore does not exist
	quota    string        // this logstore's quota is used up, but for one call in eight
	everyone time.Duration // delays every call that meets no other fault
	small    bool          // larger bodies are refused, see oversize
	dead     bool          // every call hangs until its client gives up
}

func (f *faults) set(w weather) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.weather = w
}

// silence makes SLS take the calls of one key and never answer them, or ends that.
// Other keys notice nothing.
func (f *faults) silence(keyID string, on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.silent[keyID] = on
}

func (f *faults) silenced(keyID string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.silent[keyID]
}

func (f *faults) count(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[name]++
}

// fault is one way for a call to fail. do returns what becomes of the answer of
// a call that is carried out, and the delay it has planned.
type fault struct {
	name   string
	weight int
	do     func(f *faults, c *slsfake.Call, luck float64) (outcome, time.Duration)
}

// faultTable lists the faults of single calls.
func faultTable() []fault {
	return []fault{
		{"500", 4, func(_ *faults, c *slsfake.Call, _ float64) (outcome, time.Duration) {
			c.Fail(http.StatusInternalServerError, "InternalServerError", "internal error")
			return outcomeClear, 0
		}},
		{"503", 4, func(_ *faults, c *slsfake.Call, _ float64) (outcome, time.Duration) {
			c.Fail(http.StatusServiceUnavailable, "ServerBusy", "the server is busy")
			return outcomeClear, 0
		}},
		{"500 without body", 2, func(_ *faults, c *slsfake.Call, _ float64) (outcome, time.Duration) {
			c.Answer(http.StatusInternalServerError, nil, nil)
			return outcomeClear, 0
		}},
		{"502 html", 4, func(_ *faults, c *slsfake.Call, _ float64) (outcome, time.Duration) {
			c.FailHTML(http.StatusBadGateway)
			return outcomeClear, 0
		}},
		{"504 html, slowly", 2, func(_ *faults, c *slsfake.Call, luck float64) (outcome, time.Duration) {
			c.FailHTML(http.StatusGatewayTimeout)
			c.SlowBody(40 + int(luck*2000)) // 0.1 to 4 s
			return outcomeClear, 0
		}},
		{"500 truncated", 2, func(_ *faults, c *slsfake.Call, luck float64) (outcome, time.Duration) {
			c.Fail(http.StatusInternalServerError, "InternalServerError", "internal error")
			c.Truncate(int(luck * 30))
			return outcomeClear, 0
		}},
		{"403 quota", 6, quotaExceeded},
		{"429", 3, func(_ *faults, c *slsfake.Call, luck float64) (outcome, time.Duration) {
			h := http.Header{"Retry-After": {strconv.Itoa(int(luck * 2))}}
			c.Answer(http.StatusTooManyRequests, h, []byte("slow down"))
			return outcomeClear, 0
		}},
		{"401", 3, func(_ *faults, c *slsfake.Call, _ float64) (outcome, time.Duration) {
			c.Fail(http.StatusUnauthorized, "Unauthorized", "The security token you provided has expired")
			return outcomeClear, 0
		}},
		{"400 unknown", 1, func(_ *faults, c *slsfake.Call, _ float64) (outcome, time.Duration) {
			c.Fail(http.StatusBadRequest, "SomethingNew", "a code from a later version")
			return outcomeClear, 0
		}},
		{"redirect", 1, func(_ *faults, c *slsfake.Call, _ float64) (outcome, time.Duration) {
			c.Answer(http.StatusFound, http.Header{"Location": {"http://127.0.0.1:1/login"}}, nil)
			return outcomeClear, 0
		}},
		{"body too large", 3, tooLarge},
		{"reset before accepting", 6, func(_ *faults, c *slsfake.Call, _ float64) (outcome, time.Duration) {
			c.CloseBefore()
			return outcomeClear, 0
		}},
		{"reset after accepting", 4, func(_ *faults, c *slsfake.Call, _ float64) (outcome, time.Duration) {
			c.CloseAfter()
			return outcomeReset, 0
		}},
		{"answer truncated", 2, func(_ *faults, c *slsfake.Call, _ float64) (outcome, time.Duration) {
			// No cause for sending again: the status has arrived, and an answer to a
			// write has no body.
			c.Truncate(0)
			return outcomeClear, 0
		}},
		{"slow", 6, func(_ *faults, c *slsfake.Call, luck float64) (outcome, time.Duration) {
			d := time.Duration(luck * float64(requestTimeout) / 10)
			c.Delay(d)
			c.DelayAfter(d)
			return outcomeClear, 2 * d
		}},
		{"carried out too late", 1, func(_ *faults, c *slsfake.Call, luck float64) (outcome, time.Duration) {
			d := beyond(luck)
			c.Delay(d)
			return outcomeLate, d
		}},
		{"answered too late", 1, func(_ *faults, c *slsfake.Call, luck float64) (outcome, time.Duration) {
			d := beyond(luck)
			c.DelayAfter(d)
			return outcomeLate, d
		}},
		{"5xx after accepting", 3, func(f *faults, c *slsfake.Call, luck float64) (outcome, time.Duration) {
			f.relay.deliver(c)
			if luck < 0.5 {
				c.FailHTML(http.StatusBadGateway)
			} else {
				c.Fail(http.StatusInternalServerError, "InternalServerError", "internal error")
			}
			return outcomeClear, 0 // of this request: what was accepted is the relay's
		}},
		{panicFault, 4, func(f *faults, c *slsfake.Call, luck float64) (outcome, time.Duration) {
			if f.relay != nil && luck < 0.5 {
				f.relay.deliver(c)
			}
			answerPanic(c)
			return outcomeClear, 0
		}},
	}
}

// meets tells whether a call can meet the fault.
func (x *fault) meets(c *slsfake.Call) bool {
	return x != nil && (x.name != panicFault || panics(c))
}

// forever is longer than any client waits.
const forever = time.Hour

func beyond(luck float64) time.Duration {
	return requestTimeout + 300*time.Millisecond + time.Duration(luck*float64(time.Second))
}

func quotaExceeded(_ *faults, c *slsfake.Call, luck float64) (outcome, time.Duration) {
	if luck < 0.5 {
		c.Fail(http.StatusForbidden, "ShardWriteQuotaExceed", "Write quota exceed: shard inflow is over 5242880 bytes/s")
	} else {
		c.Fail(http.StatusForbidden, "WriteQuotaExceed", "Project write quota exceed: inflow quota")
	}
	return outcomeClear, 0
}

// sizeLimit is more than any single record has: one that is refused alone would
// rightly be dropped.
const sizeLimit = 100 << 10

func oversize(c *slsfake.Call) bool {
	size, err := strconv.Atoi(c.Header.Get("X-Log-Bodyrawsize"))
	return err == nil && size > sizeLimit
}

// tooLarge makes the plugin split a request.
func tooLarge(_ *faults, c *slsfake.Call, _ float64) (outcome, time.Duration) {
	if oversize(c) {
		c.Fail(http.StatusBadRequest, "PostBodyTooLarge", "Body size must be less than "+strconv.Itoa(sizeLimit))
	}
	return outcomeClear, 0
}

// strike is the hook of every PutLogs.
func (f *faults) strike(c *slsfake.Call) {
	f.gate.RLock()
	f.gate.RUnlock() //nolint:staticcheck // it only waits for whoever holds calls back
	if f.relay.relayed(c) {
		f.note(c, outcomeGateway, 0)
		return
	}
	w, hit, luck := f.draw()
	o, delay := outcomeClear, time.Duration(0)
	switch {
	case f.silenced(c.AccessKeyID):
		f.count("no answer at all")
		o, delay = outcomeLate, forever
		c.Delay(delay)
	case w.dead:
		f.count("hangs")
		o, delay = outcomeLate, beyond(luck)
		c.Delay(delay)
	case c.Logstore == w.missing:
		f.count("logstore missing")
		c.Fail(http.StatusNotFound, "LogStoreNotExist", "logstore "+c.Logstore+" does not exist")
	case c.Logstore == w.quota && luck < 0.875:
		f.count("quota used up")
		quotaExceeded(f, c, luck)
	case w.small && oversize(c):
		f.count("body too large for everyone")
		tooLarge(f, c, luck)
	case hit.meets(c):
		f.count(hit.name)
		o, delay = hit.do(f, c, luck)
	case strings.HasPrefix(c.Logstore, ghost):
		f.count("no such logstore")
	default:
		delay = w.everyone
		c.Delay(delay)
	}
	// Before the call is carried out: whoever finds it stored finds this, too.
	f.note(c, o, delay)
}

func (f *faults) note(c *slsfake.Call, o outcome, delay time.Duration) {
	if err := f.ledger.note(c.RequestID, o, delay); err != nil {
		f.failures.addf("%v", err)
	}
}

// draw decides about one call. Each call takes the same number of numbers, so
// the sequence of fates depends on the seed alone.
func (f *faults) draw() (w weather, hit *fault, luck float64) {
	total := 0
	for i := range f.table {
		total += f.table[i].weight
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	struck, which := f.random.Float64(), f.random.IntN(total)
	luck = f.random.Float64()
	if struck >= f.weather.storm {
		return f.weather, nil, luck
	}
	for i := range f.table {
		if which -= f.table[i].weight; which < 0 {
			return f.weather, &f.table[i], luck
		}
	}
	return f.weather, nil, luck // not reached: which was less than the sum
}
