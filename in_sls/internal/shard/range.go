package shard

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Range is one range of the option replay: it begins at one cursor and ends in front of
// another. It is a Start of its own.
type Range struct {
	Shard      int
	begin, end string
}

// ParseRange reads SHARD:BEGIN_CURSOR:END_CURSOR.
func ParseRange(raw string) (Range, error) {
	parts := strings.Split(strings.TrimSpace(raw), ":")
	if len(parts) != 3 || parts[1] == "" || parts[2] == "" {
		return Range{}, fmt.Errorf("%q is not of the form SHARD:BEGIN_CURSOR:END_CURSOR", raw)
	}
	shard, err := strconv.ParseUint(parts[0], 10, 31)
	if err != nil {
		return Range{}, fmt.Errorf("%q is no shard id", parts[0])
	}
	r := Range{Shard: int(shard), begin: parts[1], end: parts[2]}
	if before(r.end, r.begin) && !before(r.begin, r.end) {
		return Range{}, errors.New("the end is before the beginning")
	}
	return r, nil
}

// CheckRanges validates the option replay.
func CheckRanges(raw string) error {
	for item := range strings.SplitSeq(raw, ",") {
		if _, err := ParseRange(item); err != nil {
			return err
		}
	}
	return nil
}

// Find implements Start.
func (r Range) Find(context.Context, time.Time) (Found, error) {
	return Found{Cursor: r.begin, from: "replay", end: r.end}, nil
}
