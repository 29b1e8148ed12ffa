package option

import (
	"errors"
	"fmt"
	"strconv"
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

// problem says what is wrong with raw, naming option, value and what is
// allowed.
func (o *Option) problem(raw string, err error) string {
	return fmt.Sprintf("option %s = %s: %s; allowed: %s", o.Name, o.shown(raw), err, o.allowed(plain))
}

// shown returns raw quoted and shortened, or the mask.
func (o *Option) shown(raw string) string {
	if o.Secret {
		return mask
	}
	if runes := []rune(raw); len(runes) > maxShown {
		raw = string(runes[:maxShown]) + "..."
	}
	return strconv.Quote(raw)
}

func plain(s string) string { return s }

// allowed describes the values the option accepts. code marks up each part
// that a user could type.
func (o *Option) allowed(code func(string) string) string {
	if o.Allowed != "" {
		return o.Allowed
	}
	list := ""
	k := kindOf(o.Dst)
	switch k {
	case kindString:
		if len(o.Enum) == 0 {
			return "text"
		}
	case kindBool:
		return code("on") + ", " + code("off")
	case kindPairs:
		return code("key=value") + ", comma-separated"
	case kindList:
		if len(o.Enum) == 0 {
			return "comma-separated"
		}
		list = "comma-separated: "
	default:
		return o.allowedRange(k, code)
	}
	values := make([]string, len(o.Enum))
	for i, v := range o.Enum {
		values[i] = code(v)
	}
	return list + strings.Join(values, ", ")
}

func (o *Option) allowedRange(k kind, code func(string) string) string {
	switch {
	case o.Min != "" && o.Max != "":
		return code(o.Min) + " to " + code(o.Max)
	case o.Min != "":
		return "at least " + code(o.Min)
	case o.Max != "":
		return "at most " + code(o.Max)
	case k == kindInt:
		return "any whole number"
	case k == kindDuration:
		return "a number with " + code("ms") + ", " + code("s") + ", " + code("m") + " or " + code("h")
	default:
		return "bytes, or a number with " + code("k") + ", " + code("M") + " or " + code("G")
	}
}
