package sls

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// maxCursor bounds what is taken for a cursor; today's are 28 bytes.
const maxCursor = 512

// GetCursor finds a position in a shard: from is "begin" (the oldest data),
// "end" (the next log group to be written) or unix seconds (the first group the
// server received at or after that second):
// GET /logstores/L/shards/S?type=cursor&from=F.
func (l Logstore) GetCursor(ctx context.Context, shard int, from string) (string, error) {
	var out struct {
		Cursor string `json:"cursor"`
	}
	r := l.get("get cursor of", shardPath(shard), escapeQuery("from", from, "type", "cursor"), nil)
	r.detail = shardDetail(shard)
	r.read = func(a answer) error {
		if err := a.decodeJSON(&out); err != nil {
			return err
		}
		return checkCursor(out.Cursor)
	}
	if err := l.client.do(ctx, &r); err != nil {
		return "", err
	}
	return out.Cursor, nil
}

// GetCursorTime tells when the server received the group at a cursor, to the
// second: GET /logstores/L/shards/S?cursor=C&type=cursor_time.
func (l Logstore) GetCursorTime(ctx context.Context, shard int, cursor string) (time.Time, error) {
	var out struct {
		Seconds *int64 `json:"cursor_time"`
	}
	r := l.get("get cursor time of", shardPath(shard), escapeQuery("cursor", cursor, "type", "cursor_time"), nil)
	r.detail = shardDetail(shard)
	r.read = func(a answer) error {
		if err := a.decodeJSON(&out); err != nil {
			return err
		}
		if out.Seconds == nil {
			return fmt.Errorf("%w: no cursor_time", ErrBadAnswer)
		}
		return nil
	}
	if err := l.client.do(ctx, &r); err != nil {
		return time.Time{}, err
	}
	return time.Unix(*out.Seconds, 0), nil
}

func shardPath(shard int) string   { return "/shards/" + strconv.Itoa(shard) }
func shardDetail(shard int) string { return " shard " + strconv.Itoa(shard) }

// checkCursor accepts what can be a cursor: base64 text. It is not decoded: the
// service calls cursors opaque.
func checkCursor(cursor string) error {
	if cursor == "" {
		return fmt.Errorf("%w: no cursor", ErrBadAnswer)
	}
	if len(cursor) > maxCursor {
		return fmt.Errorf("%w: a cursor of %d bytes", ErrBadAnswer, len(cursor))
	}
	for _, c := range []byte(cursor) {
		if !isNameByte(c) && c != '+' && c != '/' && c != '=' {
			return fmt.Errorf("%w: not a cursor: %q", ErrBadAnswer, shorten(cursor, 80))
		}
	}
	return nil
}

var errCursor = errors.New("not a cursor")

// DecodeCursor reads the number in a cursor: base64 of a decimal int64. Cursors
// are opaque by the service's documentation; the SDK relies on this form, and
// so do we only to order and to show them. It accepts exactly what encodeCursor
// writes.
func DecodeCursor(cursor string) (int64, error) {
	if len(cursor) > maxCursor {
		return 0, fmt.Errorf("%w: %d bytes", errCursor, len(cursor))
	}
	text, err := base64.StdEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return 0, fmt.Errorf("%w: %q", errCursor, shorten(cursor, 80))
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || encodeCursor(n) != cursor {
		return 0, fmt.Errorf("%w: %q", errCursor, shorten(cursor, 80))
	}
	return n, nil
}

// encodeCursor is DecodeCursor's inverse.
func encodeCursor(n int64) string {
	return base64.StdEncoding.EncodeToString(strconv.AppendInt(nil, n, 10))
}
