package delivery

import (
	"errors"
	"strings"
	"time"

	"fluent-bit-sls/out_sls/internal/memory"
	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/sls"
)

// What old_log_time says happens to a log that SLS refuses for its age.
const (
	OldTimeRewrite    = "rewrite"
	OldTimeDeadLetter = "dead_letter"
	OldTimeDrop       = "drop"
)

// SLS takes logs of the last seven days, and up to 15 minutes ahead (answer 499
// "post data time is out of range" of PutLogs).
const (
	oldestTime = 7 * 24 * time.Hour
	newestTime = 15 * time.Minute
)

// origTimeKey is the content that keeps the time of a log sent with another.
const origTimeKey = "__orig_time__"

// isOldTime tells whether SLS refused a request for the time of its logs.
func isOldTime(err error) bool {
	var e *sls.Error
	return errors.As(err, &e) && (e.Status == 499 || strings.EqualFold(e.Code, "InvalidTimestamp") ||
		strings.Contains(strings.ToLower(e.Message), "time is out of range"))
}

// takenAt tells which logs have a time that SLS takes at a time.
func takenAt(now time.Time) func(log []byte) bool {
	oldest, newest := now.Add(time.Minute-oldestTime).Unix(), now.Add(newestTime-time.Minute).Unix()
	return func(log []byte) bool {
		t := int64(loggroup.LogTime(log))
		return t >= oldest && t <= newest
	}
}

// mendTimes deals with the logs of m whose time SLS does not take, as old_log_time says. It
// is false when m has none that was not dealt with before.
func (d *Delivery) mendTimes(m *message, err error) bool {
	// A log alone is what SLS meant, whatever the time is here.
	alone := m.logs() == 1
	mended := false
	m.keep(func(g *logGroup) []part {
		parts, some := d.mendGroup(g, alone, err)
		mended = mended || some
		return parts
	})
	m.whole = m.whole && !mended
	return mended
}

// mendGroup deals with the logs of one group. It returns the parts that are left, and
// whether it has found any.
func (d *Delivery) mendGroup(g *logGroup, alone bool, err error) (left []part, mended bool) {
	now := time.Now().Add(d.client.ClockOffset())
	takes := takenAt(now)
	for _, p := range g.parts {
		for i, log := range loggroup.EachLog(p.body) {
			one := part{of: p.of, body: log, Range: memory.Range{First: p.First + i, Count: 1}, rewritten: p.rewritten}
			switch {
			case p.rewritten || !alone && takes(log):
				left = join(left, one)
				continue
			case d.cfg.OldLogTime == OldTimeRewrite:
				one.body, one.rewritten = loggroup.WithTime(log, now, origTimeKey), true
				left = append(left, one)
			default:
				d.refuse(&g.to, one, err, d.cfg.OldLogTime == OldTimeDrop)
			}
			mended = true
		}
	}
	if !mended {
		return g.parts, false
	}
	for _, p := range left {
		p.of.open++
	}
	for _, p := range g.parts {
		p.answered()
	}
	return left, true
}
