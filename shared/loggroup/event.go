package loggroup

import (
	"encoding/binary"
	"math"
	"time"
)

// Event is one event of a chunk as it lies there. Its slices are windows into
// the chunk: valid as long as the chunk is, and never to be written to.
type Event struct {
	// Sec and Nsec are the event's time as it goes into the Log: seconds since
	// 1970 and nanoseconds below 1e9, clamped as the package comment says.
	Sec, Nsec uint32
	// Metadata is the event's metadata map in msgpack, nil in the older form
	// that has none.
	Metadata []byte
	// Record is the event's record map in msgpack.
	Record []byte
	// Offset is where the event begins in the chunk, Size how many bytes it takes.
	Offset, Size int
}

// Time returns the event's time in UTC.
func (e Event) Time() time.Time {
	return time.Unix(int64(e.Sec), int64(e.Nsec)).UTC()
}

// marker tells a group's start and end from an event. Their EventTimes are the unsigned
// seconds of -1 and -2, without nanoseconds (Fluent Bit, flb_log_event_encoder_group_init
// and _end).
type marker uint8

const (
	noMarker marker = iota
	groupStart
	groupEnd
)

// groupSchema is a key in the metadata of every group start that Fluent Bit makes (its
// OpenTelemetry input, processor opentelemetry_envelope). No event has it in its
// metadata, and a record cannot put it there.
const groupSchema = "schema"

// maxSec is the latest time of a Log. The two seconds behind it are markers: an event
// with one of them would open or close a group when it is read back.
const maxSec = math.MaxUint32 - 2

// maxNsec stands in for nanoseconds of a second and more: the second is what
// SLS indexes, so a bad fraction must not move it.
const maxNsec = 999_999_999

// eventHead is what precedes an event's first pair.
type eventHead struct {
	marker  marker
	sec     int64 // 0..maxSec
	nsec    uint32
	meta    int // offset of the metadata map, 0 = none
	metaEnd int
	record  int // offset of the record map
	pairs   int // how many pairs the record has
	first   int // offset of the first pair
}

const (
	notArray     = "not an array of two elements"
	notHeader    = "header is not an array of timestamp and metadata"
	notTimestamp = "timestamp is neither EventTime nor a number"
	notMetadata  = "metadata is not a map"
	notRecord    = "record is not a map"
)

// readHead reads an event up to its record's first pair. For a value that is no event it
// returns the reason; the value may still turn out not to be msgpack.
//
//	event    = [header, record]
//	header   = [timestamp, metadata] | timestamp
//	metadata = record = map
func (h *eventHead) readHead(b []byte, off int) (notEvent string, err error) {
	if h.readUsual(b, off) {
		return "", nil
	}
	*h = eventHead{}
	t, next, err := readToken(b, off)
	if err != nil || t.kind != kindArray || t.n != 2 {
		return notArray, err
	}
	// The newer form begins with a second array.
	isNew := next < len(b) && (b[next]&0xf0 == 0x90 || b[next]|1 == 0xdd)
	if isNew {
		if t, next, err = readToken(b, next); err != nil || t.n != 2 {
			return notHeader, err
		}
	}
	var ok bool
	stamp := next
	if h.sec, h.nsec, next, ok, err = readTimestamp(b, stamp); err != nil || !ok {
		return notTimestamp, err
	}
	h.marker = markerAt(b, stamp)
	if isNew {
		if t, _, err = readToken(b, next); err != nil || t.kind != kindMap {
			return notMetadata, err
		}
		h.meta = next
		if next, err = skip(b, next); err != nil {
			return "", err
		}
		h.metaEnd = next
	}
	h.record = next
	if t, next, err = readToken(b, next); err != nil || t.kind != kindMap {
		return notRecord, err
	}
	h.pairs, h.first = int(t.n), next
	if h.marker != noMarker && !h.isMarker(b) {
		h.marker = noMarker
	}
	return "", nil
}

// markerAt returns the marker that the timestamp at off allows. The timestamp has been
// read before.
func markerAt(b []byte, off int) marker {
	t, next, _ := readToken(b, off)
	if t.kind != kindExt {
		return noMarker
	}
	switch binary.BigEndian.Uint64(b[next:]) {
	case math.MaxUint32 << 32:
		return groupStart
	case (math.MaxUint32 - 1) << 32:
		return groupEnd
	}
	return noMarker
}

// isMarker tells Fluent Bit's markers from events of those two seconds. A start has a
// schema in its metadata. An end has no map there, but each event from OpenTelemetry has
// one. An end may have other values, because a processor may add them to everything.
func (h *eventHead) isMarker(b []byte) bool {
	if h.meta == 0 {
		return false
	}
	// readHead has walked the metadata.
	t, off, _ := readToken(b, h.meta)
	if h.marker == groupStart {
		_, value, _ := findPair(b, off, int(t.n), groupSchema)
		return value > 0
	}
	for range t.n {
		value := skipShort(b, off)
		if isMapAt(b, value) {
			return false
		}
		off = skipShort(b, value)
	}
	return true
}

// readUsual reads the head that nearly every event has, and leaves any other to
// readHead.
//
//	92 92 d7 00 seconds(4) nanoseconds(4) 80 8x
func (h *eventHead) readUsual(b []byte, off int) bool {
	if len(b)-off < 14 {
		return false
	}
	u := (*[14]byte)(b[off:])
	const arraysAndExt, emptyMap = 0x9292d700, 0x80
	sec, nsec := binary.BigEndian.Uint32(u[4:]), binary.BigEndian.Uint32(u[8:])
	if binary.BigEndian.Uint32(u[:]) != arraysAndExt || u[12] != emptyMap || u[13]&0xf0 != 0x80 ||
		sec > maxSec || nsec > maxNsec {
		return false
	}
	h.marker, h.sec, h.nsec = noMarker, int64(sec), nsec
	h.meta, h.metaEnd, h.record, h.first = off+12, off+13, off+13, off+14
	h.pairs = int(u[13] & 0x0f)
	return 2*h.pairs <= len(b)-h.first
}

// readTimestamp reads every form of an event's time; ok is false for a value
// of another type.
//
//	timestamp = EventTime | int | uint | float   (numbers: seconds since 1970)
//	EventTime = ext type 0, 8 bytes: seconds uint32, nanoseconds uint32
func readTimestamp(b []byte, off int) (sec int64, nsec uint32, next int, ok bool, err error) {
	t, next, err := readToken(b, off)
	if err != nil {
		return 0, 0, off, false, err
	}
	switch t.kind {
	case kindExt:
		if t.ext != 0 || t.n != 8 {
			return 0, 0, next, false, nil
		}
		sec = int64(binary.BigEndian.Uint32(b[next:]))
		nsec = binary.BigEndian.Uint32(b[next+4:])
		sec, nsec = clampTime(sec, nsec)
		return sec, nsec, next + 8, true, nil
	case kindInt:
		sec = int64(t.n)
	case kindUint:
		sec = int64(min(t.n, math.MaxInt64))
	case kindFloat32:
		sec, nsec = floatTime(float64(math.Float32frombits(uint32(t.n))))
	case kindFloat64:
		sec, nsec = floatTime(math.Float64frombits(t.n))
	default:
		return 0, 0, next, false, nil
	}
	sec, nsec = clampTime(sec, nsec)
	return sec, nsec, next, true, nil
}

// clampTime maps a time to what a Log can hold.
func clampTime(sec int64, nsec uint32) (int64, uint32) {
	switch {
	case sec < 0:
		return 0, 0
	case sec > maxSec:
		return maxSec, 0
	default:
		return sec, min(nsec, maxNsec)
	}
}

// floatTime splits a float of seconds. Times after maxSec become maxSec+1, which the
// callers clamp or refuse.
func floatTime(f float64) (int64, uint32) {
	whole, frac := math.Modf(f)
	switch {
	case math.IsNaN(f), f < 0:
		return 0, 0
	case f > maxSec:
		return maxSec + 1, 0
	}
	nsec := math.Round(frac * 1e9)
	if nsec >= 1e9 {
		return int64(whole) + 1, 0
	}
	return int64(whole), uint32(nsec)
}
