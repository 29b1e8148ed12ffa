package shard

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"fluent-bit-sls/shared/option"
)

// Position is a place in a shard that needs no cursor: its beginning, its end,
// or the first data received at a time or later.
type Position struct {
	kind positionKind
	at   time.Time // of positionTime
}

type positionKind int

const (
	positionBegin positionKind = iota
	positionEnd
	positionTime
)

// maxUnix is where unix seconds would be past the year 5000: a larger number is
// milliseconds or finer.
const maxUnix = 100_000_000_000

// ParsePosition reads begin, end, unix seconds, an RFC 3339 time, or a duration before
// now. A duration becomes a time here, once: a shard found an hour later must not start
// an hour later.
func ParsePosition(raw string, now time.Time) (Position, error) {
	switch strings.ToLower(raw) {
	case "begin":
		return Position{kind: positionBegin}, nil
	case "end":
		return Position{kind: positionEnd}, nil
	}
	if n, err := strconv.ParseInt(raw, 10, 64); err == nil {
		switch {
		case n < 0:
			return Position{}, errors.New("unix seconds cannot be negative")
		case n >= maxUnix:
			return Position{}, errors.New("too large for unix seconds; are these milliseconds?")
		}
		return Position{kind: positionTime, at: time.Unix(n, 0)}, nil
	}
	if at, err := time.Parse(time.RFC3339, raw); err == nil {
		if at.Unix() < 0 {
			return Position{}, errors.New("a time before 1970")
		}
		return Position{kind: positionTime, at: at}, nil
	}
	ago, err := option.ParseDuration(raw)
	if err != nil {
		return Position{}, errors.New("not a position")
	}
	if ago < 0 {
		return Position{}, errors.New("a duration ago cannot be negative")
	}
	return Position{kind: positionTime, at: now.Add(-ago)}, nil
}

// CheckPosition validates an option that is a position.
func CheckPosition(raw string) error {
	_, err := ParsePosition(raw, time.Now())
	return err
}

// From is the position as GetCursor takes it: begin, end or unix seconds. A fraction of a
// second is dropped, so that nothing is skipped.
func (p Position) From() string {
	switch p.kind {
	case positionBegin:
		return "begin"
	case positionEnd:
		return "end"
	default:
		return strconv.FormatInt(max(p.at.Unix(), 0), 10)
	}
}

// IsBegin reports whether the position is the beginning of the shard.
func (p Position) IsBegin() bool { return p.kind == positionBegin }

// Begin is the beginning of a shard.
func Begin() Position { return Position{kind: positionBegin} }
