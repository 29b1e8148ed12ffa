package faults

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"fluent-bit-sls/tests/panicking"
	"fluent-bit-sls/tests/slsfake"
)

// OutputTable lists the faults of an output's calls.
func OutputTable() []Fault {
	return []Fault{
		{"500", 4, func(_ *Injector, c *slsfake.Call, _ float64) (Outcome, time.Duration) {
			c.Fail(http.StatusInternalServerError, "InternalServerError", "internal error")
			return Clear, 0
		}},
		{"503", 4, func(_ *Injector, c *slsfake.Call, _ float64) (Outcome, time.Duration) {
			c.Fail(http.StatusServiceUnavailable, "ServerBusy", "the server is busy")
			return Clear, 0
		}},
		{"500 without body", 2, func(_ *Injector, c *slsfake.Call, _ float64) (Outcome, time.Duration) {
			c.Answer(http.StatusInternalServerError, nil, nil)
			return Clear, 0
		}},
		{"502 html", 4, func(_ *Injector, c *slsfake.Call, _ float64) (Outcome, time.Duration) {
			c.FailHTML(http.StatusBadGateway)
			return Clear, 0
		}},
		{"504 html, slowly", 2, func(_ *Injector, c *slsfake.Call, luck float64) (Outcome, time.Duration) {
			c.FailHTML(http.StatusGatewayTimeout)
			c.SlowBody(40 + int(luck*2000)) // 0.1 to 4 s
			return Clear, 0
		}},
		{"500 truncated", 2, func(_ *Injector, c *slsfake.Call, luck float64) (Outcome, time.Duration) {
			c.Fail(http.StatusInternalServerError, "InternalServerError", "internal error")
			c.Truncate(int(luck * 30))
			return Clear, 0
		}},
		{"403 quota", 6, quotaExceeded},
		{"429", 3, func(_ *Injector, c *slsfake.Call, luck float64) (Outcome, time.Duration) {
			h := http.Header{"Retry-After": {strconv.Itoa(int(luck * 2))}}
			c.Answer(http.StatusTooManyRequests, h, []byte("slow down"))
			return Clear, 0
		}},
		{"401", 3, func(_ *Injector, c *slsfake.Call, _ float64) (Outcome, time.Duration) {
			c.Fail(http.StatusUnauthorized, "Unauthorized", "The security token you provided has expired")
			return Clear, 0
		}},
		{"400 unknown", 1, func(_ *Injector, c *slsfake.Call, _ float64) (Outcome, time.Duration) {
			c.Fail(http.StatusBadRequest, "SomethingNew", "a code from a later version")
			return Clear, 0
		}},
		{"redirect", 1, func(_ *Injector, c *slsfake.Call, _ float64) (Outcome, time.Duration) {
			c.Answer(http.StatusFound, http.Header{"Location": {"http://127.0.0.1:1/login"}}, nil)
			return Clear, 0
		}},
		{bodyTooLarge, 3, tooLarge},
		{"reset before accepting", 6, func(_ *Injector, c *slsfake.Call, _ float64) (Outcome, time.Duration) {
			c.CloseBefore()
			return Clear, 0
		}},
		{"reset after accepting", 4, func(_ *Injector, c *slsfake.Call, _ float64) (Outcome, time.Duration) {
			c.CloseAfter()
			return Reset, 0
		}},
		{"answer truncated", 2, func(_ *Injector, c *slsfake.Call, _ float64) (Outcome, time.Duration) {
			// No cause for sending again: the status has arrived, and an answer to a
			// write has no body.
			c.Truncate(0)
			return Clear, 0
		}},
		{"slow", 6, func(_ *Injector, c *slsfake.Call, luck float64) (Outcome, time.Duration) {
			d := time.Duration(luck * float64(RequestTimeout) / 10)
			c.Delay(d)
			c.DelayAfter(d)
			return Clear, 2 * d
		}},
		{"carried out too late", 1, func(_ *Injector, c *slsfake.Call, luck float64) (Outcome, time.Duration) {
			d := beyond(luck)
			c.Delay(d)
			return Late, d
		}},
		{"answered too late", 1, func(_ *Injector, c *slsfake.Call, luck float64) (Outcome, time.Duration) {
			d := beyond(luck)
			c.DelayAfter(d)
			return Late, d
		}},
		{"5xx after accepting", 3, func(_ *Injector, c *slsfake.Call, luck float64) (Outcome, time.Duration) {
			if luck < 0.5 { // a gateway in between
				c.AnswerAfter(http.StatusBadGateway, http.Header{"Content-Type": {"text/html"}}, []byte("<html><h1>502 Bad Gateway</h1></html>"))
			} else {
				c.FailAfter(http.StatusInternalServerError, "InternalServerError", "internal error")
			}
			return ServerError, 0
		}},
		{panicking.Fault, 4, func(_ *Injector, c *slsfake.Call, luck float64) (Outcome, time.Duration) {
			if luck < 0.5 {
				panicking.AnswerAfter(c)
				return ServerError, 0
			}
			panicking.Answer(c)
			return Clear, 0
		}},
	}
}

const bodyTooLarge = "body too large"

func beyond(luck float64) time.Duration {
	return RequestTimeout + 300*time.Millisecond + time.Duration(luck*float64(time.Second))
}

func quotaExceeded(_ *Injector, c *slsfake.Call, luck float64) (Outcome, time.Duration) {
	if luck < 0.5 {
		c.Fail(http.StatusForbidden, "ShardWriteQuotaExceed", "Write quota exceed: shard inflow is over 5242880 bytes/s")
	} else {
		c.Fail(http.StatusForbidden, "WriteQuotaExceed", "Project write quota exceed: inflow quota")
	}
	return Clear, 0
}

// sizeLimit is more than any single record has: one that is refused alone would
// rightly be dropped.
const sizeLimit = 100 << 10

func oversize(c *slsfake.Call) bool {
	size, err := strconv.Atoi(c.Header.Get("X-Log-Bodyrawsize"))
	return err == nil && size > sizeLimit
}

// tooLarge makes the plugin split a request.
func tooLarge(_ *Injector, c *slsfake.Call, _ float64) (Outcome, time.Duration) {
	if oversize(c) {
		c.Fail(http.StatusBadRequest, "PostBodyTooLarge", "Body size must be less than "+strconv.Itoa(sizeLimit))
	}
	return Clear, 0
}

// InputTable lists the faults of an input's calls: those of writes that make sense for any
// call, and those of reading.
func InputTable() []Fault {
	fit := strings.Split("500,503,500 without body,502 html,504 html, slowly,500 truncated,429,401,400 unknown,redirect,"+
		"reset before accepting,reset after accepting,answer truncated,slow,"+panicking.Fault, ",")
	var table []Fault
	for _, f := range OutputTable() {
		if slices.Contains(fit, f.name) {
			table = append(table, f)
		}
	}
	return append(table,
		Fault{"403 read quota", 6, func(_ *Injector, c *slsfake.Call, _ float64) (Outcome, time.Duration) {
			c.Fail(403, "ShardReadQuotaExceed", "Read quota exceed: shard outflow")
			return Clear, 0
		}},
		Fault{"answer cut", 4, func(_ *Injector, c *slsfake.Call, luck float64) (Outcome, time.Duration) {
			c.Truncate(int(luck * 2000))
			return Clear, 0
		}},
		Fault{"slow answer", 3, func(_ *Injector, c *slsfake.Call, luck float64) (Outcome, time.Duration) {
			c.SlowBody(1000 + int(luck*500_000))
			return Clear, 0
		}},
	)
}
