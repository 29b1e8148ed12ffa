package shard

import (
	"context"
	"errors"
	"strconv"
	"time"

	"fluent-bit-sls/shared/sls"
)

// stopMargin is how far this machine's clock may be from the server's for stop_position
// to be exact: nothing is pulled within the margin around it.
const stopMargin = 2 * time.Second

// Stop is where the reading of a shard ends: in front of the first data received at a time
// or later, or in front of a cursor. The zero value is no end.
type Stop struct {
	at     time.Time
	margin time.Duration
	// cursor is "" until it is known. Before the time has come it cannot be: GetCursor
	// answers with the end as of now.
	cursor string
}

// ParseStop reads stop_position. "end" is the end as of now, to the second.
func ParseStop(raw string, now time.Time) (Stop, error) {
	if raw == "" {
		return Stop{}, nil
	}
	p, err := ParsePosition(raw, now)
	switch {
	case err != nil:
		return Stop{}, err
	case p.kind == positionBegin:
		return Stop{}, errors.New("nothing is before the beginning")
	case p.kind == positionEnd:
		return Stop{at: ceil(now)}, nil
	default:
		return Stop{at: ceil(p.at), margin: stopMargin}, nil
	}
}

// CheckStop validates stop_position.
func CheckStop(raw string) error {
	_, err := ParseStop(raw, time.Now())
	return err
}

// ceil is the first whole second at t or after it: GetCursor knows no fractions.
func ceil(t time.Time) time.Time {
	if whole := t.Truncate(time.Second); whole.Before(t) {
		return whole.Add(time.Second)
	}
	return t
}

func (s *Stop) set() bool { return s.cursor != "" || !s.at.IsZero() }

// ahead reports whether there is an end whose time has not come. An answer that comes now
// can only bring data from before it.
func (s *Stop) ahead(now time.Time) bool {
	return s.cursor == "" && !s.at.IsZero() && now.Before(s.at.Add(-s.margin))
}

// Past reports whether the time of the end has come, so that its cursors can be asked for.
func (s *Stop) Past(now time.Time) bool {
	return !s.at.IsZero() && !now.Before(s.at.Add(s.margin))
}

// wait waits until Past.
func (s *Stop) wait(ctx context.Context) error {
	timer := time.NewTimer(time.Until(s.at.Add(s.margin)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Ask asks for the cursor of the end in a shard.
func (s *Stop) Ask(ctx context.Context, logs sls.Logstore, shard int) (string, error) {
	return logs.GetCursor(ctx, shard, strconv.FormatInt(max(s.at.Unix(), 0), 10))
}

// reached reports whether reading at cursor has come to the end.
func (s *Stop) reached(cursor string) bool {
	return s.cursor != "" && Reached(cursor, s.cursor)
}

// Reached reports whether a cursor has come to the cursor of the end.
func Reached(cursor, end string) bool { return !before(cursor, end) }
