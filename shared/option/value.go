package option

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The parsers below never repeat the value in an error: it may be a secret. Whoever
// reports the problem shows or masks it.

func parseBool(raw string) (bool, error) {
	switch strings.ToLower(raw) {
	case "on", "true", "yes":
		return true, nil
	case "off", "false", "no":
		return false, nil
	default:
		return false, errors.New("not a boolean")
	}
}

func parseInt(raw string) (int, error) {
	n, err := strconv.Atoi(raw)
	if errors.Is(err, strconv.ErrRange) {
		return 0, errors.New("a number out of range")
	}
	if err != nil {
		return 0, errors.New("not a whole number")
	}
	return n, nil
}

// ParseDuration reads a duration as time.ParseDuration does, with days of 24 hours in
// front: 7d, 1.5d, 1d12h.
func ParseDuration(raw string) (time.Duration, error) {
	days, rest, found := strings.Cut(raw, "d")
	if !found {
		return time.ParseDuration(raw)
	}
	const most = math.MaxInt64 / 24
	d, err := time.ParseDuration(days + "h")
	if err != nil || strings.Trim(days, "+-0123456789.") != "" || d > most || d < -most {
		return 0, errors.New("not a number of days")
	}
	d *= 24
	if rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") || d < 0 || d > math.MaxInt64-more {
		return 0, errors.New("not days and a shorter duration")
	}
	return d + more, nil
}

func parseDuration(raw string) (time.Duration, error) {
	d, err := ParseDuration(raw)
	if err != nil {
		if len(raw) < 20 && strings.Trim(raw, "0123456789.") == "" && raw != "" {
			return 0, fmt.Errorf("a duration needs a unit: write %ss or %sms", raw, raw)
		}
		return 0, errors.New("not a duration such as 500ms, 2s, 1h30m or 7d")
	}
	if d < 0 {
		return 0, errors.New("a duration cannot be negative")
	}
	return d, nil
}

// parseSize reads digits and a unit: "" or b for bytes; k, m, g, each alone or
// followed by b or ib, for powers of 1024.
func parseSize(raw string) (Size, error) {
	digits := strings.TrimRight(raw, "kKmMgGiIbB")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, errors.New("not a size such as 65536, 512k, 3M or 1G")
	}
	var shift uint
	switch strings.ToLower(raw[len(digits):]) {
	case "", "b":
	case "k", "kb", "kib":
		shift = 10
	case "m", "mb", "mib":
		shift = 20
	case "g", "gb", "gib":
		shift = 30
	default:
		return 0, errors.New("not a size such as 65536, 512k, 3M or 1G")
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > math.MaxInt64>>shift {
		return 0, errors.New("a size out of range")
	}
	return Size(n << shift), nil
}

// Size is a number of bytes, typed as 512k, 3M or 1G (powers of 1024).
type Size int64

// String returns the size as it would be typed, in the largest unit that
// divides it: 3M, 1536k, 1000.
func (s Size) String() string {
	n := int64(s)
	switch {
	case n == 0:
	case n%(1<<30) == 0:
		return strconv.FormatInt(n>>30, 10) + "G"
	case n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + "M"
	case n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + "k"
	}
	return strconv.FormatInt(n, 10)
}

// Pair is one item of a key=value list.
type Pair struct{ Key, Value string }

// String returns the pair as it would be typed.
func (p Pair) String() string { return p.Key + "=" + p.Value }

// formatDuration is time.Duration.String without trailing zero units: 1h30m,
// not 1h30m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// parseList refuses empty items. They come from a stray comma or from an environment
// variable that is not set, and the user should know.
func parseList(raw string) ([]string, error) {
	items := strings.Split(raw, ",")
	for i, item := range items {
		items[i] = strings.TrimSpace(item)
		if items[i] == "" {
			return nil, fmt.Errorf("item %d is empty", i+1)
		}
	}
	return items, nil
}

func parsePairs(raw string) ([]Pair, error) {
	items, err := parseList(raw)
	if err != nil {
		return nil, err
	}
	pairs := make([]Pair, 0, len(items))
	seen := make(map[string]bool, len(items))
	for i, item := range items {
		key, value, found := strings.Cut(item, "=")
		key = strings.TrimSpace(key)
		switch {
		case !found:
			return nil, fmt.Errorf("item %d is not key=value", i+1)
		case key == "":
			return nil, fmt.Errorf("item %d has an empty key", i+1)
		case seen[key]:
			return nil, fmt.Errorf("item %d repeats a key", i+1)
		}
		seen[key] = true
		pairs = append(pairs, Pair{Key: key, Value: strings.TrimSpace(value)})
	}
	return pairs, nil
}

// matchEnum returns the spelling of allowed that equals raw in any case.
func matchEnum(allowed []string, raw string) (string, error) {
	for _, a := range allowed {
		if strings.EqualFold(a, raw) {
			return a, nil
		}
	}
	return "", errors.New("not one of the values it can have")
}

// format returns the value of dst as a user would type it; "" for an empty
// string or list.
func format(dst any) string {
	switch d := dst.(type) {
	case *string:
		return *d
	case *bool:
		if *d {
			return "on"
		}
		return "off"
	case *int:
		return strconv.Itoa(*d)
	case *time.Duration:
		return formatDuration(*d)
	case *Size:
		return d.String()
	case *[]string:
		return strings.Join(*d, ",")
	case *[]Pair:
		items := make([]string, len(*d))
		for i, p := range *d {
			items[i] = p.String()
		}
		return strings.Join(items, ",")
	default:
		return ""
	}
}
