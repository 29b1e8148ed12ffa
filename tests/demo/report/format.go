package report

import (
	"fmt"
	"strconv"
	"time"
)

// Count writes n with a comma between groups of three digits.
func Count[T ~int | ~int64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	first := 1 // where a comma may stand: not before the first digit
	if n < 0 {
		first = 2
	}
	for i := len(s) - 3; i >= first; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Size writes bytes in decimal units.
func Size(n int64) string {
	switch f := float64(n); {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case f < 999.5e3:
		return fmt.Sprintf("%.3g kB", f/1e3)
	case f < 100e6:
		return fmt.Sprintf("%.1f MB", f/1e6)
	case f < 999.5e6:
		return fmt.Sprintf("%.0f MB", f/1e6)
	default:
		return fmt.Sprintf("%.2f GB", f/1e9)
	}
}

// Span writes a duration in one unit with two or three significant digits.
func Span(d time.Duration) string {
	switch f := float64(d); {
	case d < time.Microsecond:
		return fmt.Sprintf("%d ns", d)
	case f < 999.5e3:
		return digits(f/1e3) + " µs"
	case f < 999.5e6:
		return digits(f/1e6) + " ms"
	default:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
}

// digits writes f < 1000 with up to three significant digits, never as 1e+02.
func digits(f float64) string {
	if f < 10 {
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'f', 0, 64)
}

// Rate is bytes over a time in MB/s.
func Rate(bytes int64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(bytes) / 1e6 / d.Seconds()
}

// short writes a number for an axis: 1500000 as 1.5M.
func short(f float64) string {
	unit := ""
	switch {
	case f >= 1e6:
		f, unit = f/1e6, "M"
	case f >= 1e4:
		f, unit = f/1e3, "k"
	}
	return strconv.FormatFloat(f, 'f', -1, 64) + unit
}
