package slsfake

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// A cursor is the base64 of a decimal number. Each group of a shard has a
// number, one more than the group before it; the cursor of a group points at
// the group itself, the end cursor at the next one to be written.

func encodeCursor(n int64) string {
	return base64.StdEncoding.EncodeToString(strconv.AppendInt(nil, n, 10))
}

// decodeCursor accepts exactly what encodeCursor writes for numbers >= 0.
func decodeCursor(cursor string) (int64, bool) {
	raw, err := base64.StdEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n < 0 || encodeCursor(n) != cursor {
		return 0, false
	}
	return n, true
}

// requestCursor reads the cursor of a request, which may end with a newline: the
// Python SDK's get_previous_cursor_time sends it so. What is no cursor of any
// shard is ParameterInvalid, as the Java SDK's tests saw it.
func requestCursor(cursor string) (int64, *apiError) {
	n, ok := decodeCursor(strings.TrimSuffix(cursor, "\n"))
	if !ok {
		return 0, fail(codeParameterInvalid, "Invalid cursor : %s", cursor)
	}
	return n, nil
}

// position reads a cursor of sh: trimmed and future ones are InvalidCursor.
func (sh *shard) position(cursor string) (int64, *apiError) {
	n, err := requestCursor(cursor)
	switch {
	case err != nil:
		return 0, err
	case n < sh.base:
		return 0, fail(codeInvalidCursor, "cursor %s has expired", cursor)
	case n > sh.endNumber():
		return 0, fail(codeInvalidCursor, "cursor %s is beyond the end of shard %d", cursor, sh.id)
	}
	return n, nil
}
