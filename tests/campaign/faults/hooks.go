package faults

import (
	"net/http"
	"strings"
	"time"

	"fluent-bit-sls/tests/slsfake"
)

// OnPutLogs is the hook of every PutLogs.
func (f *Injector) OnPutLogs(c *slsfake.Call) {
	f.gate.RLock()
	f.gate.RUnlock() //nolint:staticcheck // it only waits for the end of Hold
	w, hit, luck := f.draw()
	o, delay := Clear, time.Duration(0)
	again := f.cameBefore(c)
	switch {
	case f.spring(c):
		f.Count("killed around a request")
		o, delay = Late, snareDelay
	case w.hang:
		f.Count("hangs")
		o, delay = Late, beyond(luck)
		c.Delay(delay)
	case c.Logstore == w.missing:
		f.Count("logstore missing")
		c.Fail(http.StatusNotFound, "LogStoreNotExist", "logstore "+c.Logstore+" does not exist")
	case c.Logstore == w.quota && luck < 0.875:
		f.Count("quota used up")
		quotaExceeded(f, c, luck)
	case w.smallBodies && oversize(c) && !again: // SLS does not refuse what it may have stored
		f.Count("body too large for everyone")
		tooLarge(f, c, luck)
	case again && luck < 0.3:
		// This try decides whether the write is stored, and its answer is lost, too.
		f.Count("a number again, without a clear answer")
		if o = Reset; luck < 0.1 {
			o = ServerError
			c.FailAfter(http.StatusInternalServerError, "InternalServerError", "internal error")
		} else {
			c.CloseAfter()
		}
	case hit.meets(c) && (!again || hit.name != bodyTooLarge):
		f.Count(hit.name)
		o, delay = hit.do(f, c, luck)
	case f.Absent != "" && strings.HasPrefix(c.Logstore, f.Absent):
		f.Count("no such logstore")
	default:
		delay = w.delayAll
		c.Delay(delay)
	}
	// Before the call is carried out: whoever finds it stored finds this, too.
	f.note(c, o, delay)
}

// OnRead is the hook of every call of an input.
func (f *Injector) OnRead(c *slsfake.Call) {
	w, hit, luck := f.draw()
	switch {
	case w.hang:
		f.Count("hangs")
		f.OnFault(c)
		c.Delay(beyond(luck))
	case w.quota != "" && c.Op == slsfake.OpPullLogs && luck < 0.875:
		f.Count("quota used up")
		c.Fail(403, "ReadQuotaExceed", "Project read quota exceed")
	case hit.meets(c):
		f.Count(hit.name)
		f.OnFault(c)
		_, _ = hit.do(f, c, luck)
	default:
		c.DelayAfter(w.delayAll)
	}
}
