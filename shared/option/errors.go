package option

import (
	"errors"
	"strings"
)

// mask stands for the value of a secret option.
const mask = "***"

// maxShown bounds, in runes, how much of a bad value an error text repeats.
const maxShown = 100

// InvalidError is what Parse returns: every problem of a configuration.
type InvalidError struct{ problems []string }

// Error returns all problems in one line. Problems keeps them apart.
func (e *InvalidError) Error() string { return strings.Join(e.problems, "; ") }

// Problems returns one text per problem in err, each fit for a log line of its
// own: an error of Parse, any other error, or several of either put together
// with errors.Join. It returns nil for nil.
func Problems(err error) []string {
	if err == nil {
		return nil
	}
	// The outermost error decides: unwrapping past a join would lose what was
	// joined beside it.
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []string
		for _, e := range joined.Unwrap() {
			all = append(all, Problems(e)...)
		}
		return all
	}
	var invalid *InvalidError
	if errors.As(err, &invalid) {
		return invalid.problems
	}
	return []string{err.Error()}
}
