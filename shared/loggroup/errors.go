package loggroup

import (
	"errors"
	"strconv"
)

// ErrMore says that a call of AppendEvents ended at Decoder.Most, before the end of its
// group. The next call, with the same group, goes on there.
var ErrMore = errors.New("more events in the log group")

// CorruptError says that bytes cannot be read any further. Everything before
// Offset has been returned by the call that reports it, or by earlier ones.
type CorruptError struct {
	// Offset is where the value that cannot be read begins, in bytes from the
	// start of what was given: the chunk of a Reader, the list of a ListReader, the
	// group of AppendEvents.
	Offset int
	// Reason is a constant text; it never quotes the data.
	Reason string
}

// Error implements error.
func (e *CorruptError) Error() string {
	return "corrupt input at byte " + strconv.Itoa(e.Offset) + ": " + e.Reason
}

// corrupt is the only place an error is made: the steady path allocates none.
func corrupt(off int, reason string) error {
	return &CorruptError{Offset: off, Reason: reason}
}
