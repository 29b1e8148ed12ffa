package loggroup

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// TimeFormat says how a time becomes text. The zero value is RFC 3339.
type TimeFormat struct {
	unit  time.Duration // of an epoch format, 0 = none
	parts []timePart    // of a strftime format, nil = none
}

// timePart is a text or, with a verb, a directive of strftime.
type timePart struct {
	verb byte
	text string
}

// verbs are the directives that append knows, of which f stands for 6N, too, and L for
// 3N: those of C in its own locale, besides L and N, which are Ruby's, and f, Python's.
const verbs = "YCymdejHIklMSpaAbBhuwGVsLNfzZ"

// shorthand returns what c stands for, "" for nothing.
func shorthand(c byte) string {
	switch c {
	case 'F':
		return "%Y-%m-%d"
	case 'T':
		return "%H:%M:%S"
	case 'D':
		return "%m/%d/%y"
	case 'R':
		return "%H:%M"
	case 'c':
		return "%a %b %e %H:%M:%S %Y"
	case 'n':
		return "\n"
	case 't':
		return "\t"
	}
	return ""
}

// ParseTimeFormat reads the name of a format, or a format of strftime. The error
// says what is wrong with it and does not repeat the whole of it.
//
//	epoch, epoch_ms, epoch_us, epoch_ns   1700000000, 1700000000123, ...
//	rfc3339                               2023-11-14T22:13:20.123456789Z
//	%d/%b/%Y:%H:%M:%S.%L                  14/Nov/2023:22:13:20.123
func ParseTimeFormat(text string) (TimeFormat, error) {
	switch text {
	case "", "rfc3339":
		return TimeFormat{}, nil
	case "epoch":
		return TimeFormat{unit: time.Second}, nil
	case "epoch_ms":
		return TimeFormat{unit: time.Millisecond}, nil
	case "epoch_us":
		return TimeFormat{unit: time.Microsecond}, nil
	case "epoch_ns":
		return TimeFormat{unit: time.Nanosecond}, nil
	}
	if !strings.Contains(text, "%") {
		return TimeFormat{}, fmt.Errorf("neither the name of a format nor a format of strftime, which has a %%")
	}
	if !utf8.ValidString(text) {
		return TimeFormat{}, fmt.Errorf("not valid UTF-8")
	}
	parts, err := parseStrftime(nil, text)
	return TimeFormat{parts: parts}, err
}

// parseStrftime appends the parts of text.
func parseStrftime(parts []timePart, text string) ([]timePart, error) {
	for text != "" {
		before, directive, found := strings.Cut(text, "%")
		if before != "" {
			parts = append(parts, timePart{text: before})
		}
		if !found {
			break
		}
		_, n := utf8.DecodeRuneInString(directive)
		if len(directive) > 1 && directive[1] == 'N' && strings.IndexByte("369", directive[0]) >= 0 {
			n = 2
		}
		if n == 0 {
			return nil, fmt.Errorf("nothing behind the last %%: write %%%% for the character itself")
		}
		more, err := parseDirective(directive[:n])
		if err != nil {
			return nil, err
		}
		parts = append(parts, more...)
		text = directive[n:]
	}
	return parts, nil
}

func parseDirective(d string) ([]timePart, error) {
	switch {
	case d == "%":
		return []timePart{{text: "%"}}, nil
	case d == "3N":
		return []timePart{{verb: 'L'}}, nil
	case d == "6N":
		return []timePart{{verb: 'f'}}, nil
	case d == "9N":
		return []timePart{{verb: 'N'}}, nil
	case strings.Contains(verbs, d):
		return []timePart{{verb: d[0]}}, nil
	case shorthand(d[0]) != "":
		return parseStrftime(nil, shorthand(d[0]))
	}
	return nil, fmt.Errorf("no directive %%%s; there are %%%s", d, strings.Join(strings.Split(verbs+"FTDRcnt", ""), " %"))
}

// append appends a time in UTC.
func (f *TimeFormat) append(dst []byte, sec, nsec uint32) []byte {
	if f.unit != 0 {
		perSecond := uint64(time.Second / f.unit)
		return strconv.AppendUint(dst, uint64(sec)*perSecond+uint64(nsec)/uint64(f.unit), 10)
	}
	at := time.Unix(int64(sec), int64(nsec)).UTC()
	if f.parts == nil {
		return at.AppendFormat(dst, time.RFC3339Nano)
	}
	c := clock{at: at, nsec: int(nsec)}
	c.year, c.month, c.day = at.Date()
	c.hour, c.minute, c.second = at.Clock()
	for i := range f.parts {
		if p := &f.parts[i]; p.verb == 0 {
			dst = append(dst, p.text...)
		} else {
			dst = c.append(dst, p.verb)
		}
	}
	return dst
}

// clock is a time taken apart once for all directives.
type clock struct {
	at                   time.Time
	year                 int
	month                time.Month
	day                  int
	hour, minute, second int
	nsec                 int
}

// append appends the directive of strftime with that verb.
func (c *clock) append(dst []byte, verb byte) []byte {
	switch verb {
	case 'Y':
		return appendPadded(dst, c.year, 4, '0')
	case 'm':
		return appendPadded(dst, int(c.month), 2, '0')
	case 'd':
		return appendPadded(dst, c.day, 2, '0')
	case 'H':
		return appendPadded(dst, c.hour, 2, '0')
	case 'M':
		return appendPadded(dst, c.minute, 2, '0')
	case 'S':
		return appendPadded(dst, c.second, 2, '0')
	case 'L':
		return appendPadded(dst, c.nsec/1e6, 3, '0')
	case 'f':
		return appendPadded(dst, c.nsec/1e3, 6, '0')
	case 'N':
		return appendPadded(dst, c.nsec, 9, '0')
	case 'b', 'h':
		return append(dst, c.month.String()[:3]...)
	case 'B':
		return append(dst, c.month.String()...)
	case 'a':
		return append(dst, c.at.Weekday().String()[:3]...)
	case 'A':
		return append(dst, c.at.Weekday().String()...)
	case 'z':
		return append(dst, "+0000"...)
	case 'Z':
		return append(dst, "UTC"...)
	case 's':
		return strconv.AppendInt(dst, c.at.Unix(), 10)
	default:
		return c.appendRare(dst, verb)
	}
}

func (c *clock) appendRare(dst []byte, verb byte) []byte {
	isoYear, week := c.at.ISOWeek()
	switch verb {
	case 'C':
		return appendPadded(dst, c.year/100, 2, '0')
	case 'y':
		return appendPadded(dst, c.year%100, 2, '0')
	case 'e':
		return appendPadded(dst, c.day, 2, ' ')
	case 'j':
		return appendPadded(dst, c.at.YearDay(), 3, '0')
	case 'I':
		return appendPadded(dst, (c.hour+11)%12+1, 2, '0')
	case 'k':
		return appendPadded(dst, c.hour, 2, ' ')
	case 'l':
		return appendPadded(dst, (c.hour+11)%12+1, 2, ' ')
	case 'p':
		return append(dst, "AMPM"[c.hour/12*2:][:2]...)
	case 'u':
		return appendPadded(dst, (int(c.at.Weekday())+6)%7+1, 1, '0')
	case 'w':
		return appendPadded(dst, int(c.at.Weekday()), 1, '0')
	case 'G':
		return appendPadded(dst, isoYear, 4, '0')
	default: // V
		return appendPadded(dst, week, 2, '0')
	}
}

// appendPadded appends n, which is not negative, in at least width characters.
func appendPadded(dst []byte, n, width int, pad byte) []byte {
	at := len(dst)
	dst = slices.Grow(dst, width)[:at+width]
	for i := width - 1; i >= 0; i-- {
		dst[at+i] = pad
		if n > 0 || i == width-1 {
			dst[at+i] = byte('0' + n%10)
		}
		n /= 10
	}
	return dst
}
