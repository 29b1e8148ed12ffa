package consumer

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"fluent-bit-sls/shared/option"
)

// position is a place in a shard that needs no cursor: its beginning, its end,
// or the first data received at a time or later.
type position struct {
	kind positionKind
	at   time.Time // of positionTime
	ago  bool      // at was given as a duration before now
}

type positionKind int

const (
	positionBegin positionKind = iota
	positionEnd
	positionTime
)

// maxUnix is where unix seconds would be past the year 5000: what is above is
// milliseconds or finer.
const maxUnix = 100_000_000_000

// parsePosition reads begin, end, unix seconds, an RFC 3339 time, or a
// duration before now. What is relative is made absolute here, once: a shard
// found an hour later must not start an hour later.
func parsePosition(raw string, now time.Time) (position, error) {
	switch strings.ToLower(raw) {
	case "begin":
		return position{kind: positionBegin}, nil
	case "end":
		return position{kind: positionEnd}, nil
	}
	if n, err := strconv.ParseInt(raw, 10, 64); err == nil {
		switch {
		case n < 0:
			return position{}, errors.New("unix seconds cannot be negative")
		case n >= maxUnix:
			return position{}, errors.New("too large for unix seconds; are these milliseconds?")
		}
		return position{kind: positionTime, at: time.Unix(n, 0)}, nil
	}
	if at, err := time.Parse(time.RFC3339, raw); err == nil {
		if at.Unix() < 0 {
			return position{}, errors.New("a time before 1970")
		}
		return position{kind: positionTime, at: at}, nil
	}
	ago, err := option.ParseDuration(raw)
	if err != nil {
		return position{}, errors.New("not a position")
	}
	if ago < 0 {
		return position{}, errors.New("a duration ago cannot be negative")
	}
	return position{kind: positionTime, at: now.Add(-ago), ago: true}, nil
}

// checkPosition is the option's validator.
func checkPosition(raw string) error {
	_, err := parsePosition(raw, time.Now())
	return err
}

// from is the position as GetCursor takes it: begin, end or unix seconds. A
// fraction of a second is dropped, so that nothing is skipped.
func (p position) from() string {
	switch p.kind {
	case positionBegin:
		return "begin"
	case positionEnd:
		return "end"
	default:
		return strconv.FormatInt(max(p.at.Unix(), 0), 10)
	}
}
