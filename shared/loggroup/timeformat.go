package loggroup

import (
	"strconv"
	"time"
)

// TimeFormat says how a time becomes text.
type TimeFormat int

// The formats, with what each makes of the same time.
const (
	TimeRFC3339 TimeFormat = iota // 2023-11-14T22:13:20.123456789Z, without zeros at the end
	TimeEpoch                     // 1700000000
	TimeEpochMS                   // 1700000000123
)

// append appends a time in UTC.
func (f TimeFormat) append(dst []byte, sec, nsec uint32) []byte {
	switch f {
	case TimeEpoch:
		return strconv.AppendUint(dst, uint64(sec), 10)
	case TimeEpochMS:
		return strconv.AppendUint(dst, uint64(sec)*1000+uint64(nsec)/1e6, 10)
	default:
		return time.Unix(int64(sec), int64(nsec)).UTC().AppendFormat(dst, time.RFC3339Nano)
	}
}
