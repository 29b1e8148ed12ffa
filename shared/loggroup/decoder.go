package loggroup

import (
	"encoding/binary"
	"math"
)

// Decoder turns Logs into msgpack events. The zero value is ready; one that is
// used again keeps its buffers. It is not for concurrent use.
type Decoder struct {
	// IncludeMeta adds the group's topic, source and tags to every event's record,
	// behind the log's own contents, as __topic__, __source__ and __tag__:KEY.
	IncludeMeta bool
	// Position, unless nil, adds where the log was read: __project__,
	// __logstore__, __shard__, __cursor__ and __id__. See SetCursor.
	Position *Position
	// InMetadata puts what IncludeMeta and Position add into the event's metadata
	// rather than its record.
	InMetadata bool
	// Format says how contents become fields; the zero value is FormatFlat.
	Format Format
	// JSONKeys are the contents that FormatJSON parses; empty means all.
	JSONKeys map[string]bool
	// Most bounds what a call of AppendEvents appends, in bytes. The call ends with the
	// event that reaches it: see ErrMore. 0 = no bound. IncludeMeta and Position add to
	// each event, so a small group may become many times as large.
	Most int

	meta     []byte // the group's metadata as msgpack pairs
	metaSize int    // how many pairs
	mapSize  int    // bytes the last event's map header took: the next one's guess
	place    place
	id       []byte // __id__ of the group's logs, without their index
	rest     int    // after ErrMore: where the group goes on
	json     *jsonReader
}

// maxKept is the largest buffer that a Decoder keeps for the next group. There may be a
// thousand Decoders, each of which once had a large group.
const maxKept = 64 << 10

// maxGroup is far above what SLS answers. It keeps every string, repaired to three
// times its size, within msgpack's 4 GiB.
const maxGroup = 1 << 30

// AppendEvents appends one event [[EventTime, {}], {key: value, ...}] for each
// Log of group, the bytes of one LogGroup, and returns how many. Only whole
// events are appended. The error is a *CorruptError, its offset counted from the
// group's start; the events of the Logs before it have been appended then. Or it is
// ErrMore.
//
//	message LogGroup {
//	  repeated Log Logs = 1; optional string Category = 2; optional string Topic = 3;
//	  optional string Source = 4; optional string MachineUUID = 5; repeated LogTag LogTags = 6;
//	}
func (d *Decoder) AppendEvents(dst, group []byte) ([]byte, int, error) {
	begin := d.rest
	d.rest = 0
	defer func() {
		if d.rest == 0 {
			d.place.nextGroup()
		}
		if cap(d.meta) > maxKept {
			d.meta = nil
		}
	}()
	size := len(group)
	if d.Format == FormatRaw {
		size *= 2 // a byte takes up to six in JSON
	}
	if err := checkGroupSize(size); err != nil {
		return dst, 0, err
	}
	d.meta, d.metaSize = d.meta[:0], 0
	if d.IncludeMeta {
		d.readMeta(group)
	}
	if d.Position != nil {
		d.addPosition()
	}
	events, limit := 0, len(dst)+d.Most
	for off := begin; off < len(group); {
		if d.Most > 0 && len(dst) >= limit {
			d.rest = off
			return dst, events, ErrMore
		}
		f, next, err := readField(group, off)
		switch {
		case err != nil:
		case f.number == 1 && f.wire == wireBytes:
			before := len(dst)
			if dst, err = d.appendEvent(dst, group, f.start, next); err != nil {
				dst = dst[:before]
				break
			}
			events++
		default:
			err = checkGroupField(group[:next], off, f)
		}
		if err != nil {
			return dst, events, err
		}
		off = next
	}
	return dst, events, nil
}

func checkGroupSize(n int) error {
	if n > maxGroup {
		return corrupt(0, reasonTooLarge)
	}
	return nil
}

// eventHeadSize is an event up to its record: 92 92 d7 00, eight bytes of time,
// and the empty metadata map.
const eventHeadSize = 13

// appendEvent appends the event of the Log whose fields lie from off to end.
//
//	message Log { required uint32 Time = 1; repeated LogContent Contents = 2; optional fixed32 TimeNs = 4; }
//
//	event = 92 92 d7 00 seconds(4, big-endian) nanoseconds(4) metadata map
func (d *Decoder) appendEvent(dst, group []byte, off, end int) ([]byte, error) {
	if d.Format != FormatFlat || d.InMetadata || d.Position != nil {
		return d.appendRich(dst, group, off, end)
	}
	// Time may come after the contents, and the map's header before its pairs
	// needs their number: both are filled in at the end.
	head := len(dst)
	d.mapSize = max(d.mapSize, 1)
	dst = append(dst, noEvent[:eventHeadSize+d.mapSize]...)
	t := logTime{}
	pairs := d.metaSize
	for at := off; at < end; {
		if group[at] != tagContents {
			if next := t.setUsual(group[:end], at); next > 0 {
				at = next
				continue
			}
		} else if out, next := appendUsual(dst, group, at, end); next > 0 {
			dst, at = out, next
			pairs++
			continue
		}
		f, next, err := readField(group[:end], at)
		if err != nil {
			return dst, err
		}
		if f.number == 2 && f.wire == wireBytes {
			dst, err = appendPair(dst, group[:next], at, f.start, "")
			pairs++
		} else {
			err = t.set(f, at)
		}
		if err != nil {
			return dst, err
		}
		at = next
	}
	if !t.ok {
		return dst, corrupt(off, reasonNoTime)
	}
	dst = append(dst, d.meta...)
	dst, d.mapSize = putMapHead(dst, head+eventHeadSize, d.mapSize, pairs)
	putEventHead(dst[head:], t.sec, t.nsec)
	return dst, nil
}

// logTime is a Log's time; the last of several fields counts.
type logTime struct {
	sec, nsec uint32
	ok        bool // there is a Time
	hasNs     bool // and a TimeNs
}

// setUsual takes a Time of five bytes (any since 1978) or a TimeNs at off and returns the
// offset behind it; 0 for anything else. b ends with the Log.
//
//	08 varint | 25 fixed32
func (t *logTime) setUsual(b []byte, off int) int {
	if len(b)-off >= 6 && b[off] == tagTime {
		low, high := binary.LittleEndian.Uint32(b[off+1:]), uint32(b[off+5])
		if low&highBits32 != highBits32 || high >= 0x80 {
			return 0
		}
		t.sec = low&0x7f | low>>1&0x3f80 | low>>2&0x1fc000 | low>>3&0xfe00000 | high<<28
		t.ok = true
		return off + 6
	}
	if len(b)-off >= 5 && b[off] == tagTimeNs {
		t.nsec, t.hasNs = binary.LittleEndian.Uint32(b[off+1:]), true
		return off + 5
	}
	return 0
}

// set takes a field of a Log that is no content.
func (t *logTime) set(f field, off int) error {
	switch {
	case f.number == 1 && f.wire == wireVarint:
		t.sec, t.ok = uint32(f.value), true
	case f.number == 4 && f.wire == wireFixed32:
		t.nsec, t.hasNs = uint32(f.value), true
	case f.number == 1 || f.number == 2 || f.number == 4:
		return corrupt(off, reasonWireType)
	}
	return nil
}

// noEvent is room for an event up to its record's first pair, with the constant bytes
// filled in. It is never written to.
var noEvent = [eventHeadSize + 5]byte{0: 0x92, 1: 0x92, 2: 0xd7, 12: 0x80}

// putEventHead fills in the time. See maxSec and maxNsec for what is clamped: an
// event must not look like a group marker.
func putEventHead(b []byte, sec, nsec uint32) {
	if sec > maxSec {
		sec, nsec = maxSec, 0
	}
	binary.BigEndian.PutUint32(b[4:], sec)
	binary.BigEndian.PutUint32(b[8:], min(nsec, maxNsec))
}

// putMapHead writes a map's head into the size bytes kept free for it at dst[at:]
// and moves what follows when it takes another size. It returns that size.
//
//	fixmap 80-8f | map 16 de | map 32 df
func putMapHead(dst []byte, at, size, pairs int) ([]byte, int) {
	need := 1
	switch {
	case pairs > math.MaxUint16:
		need = 5
	case pairs > 15:
		need = 3
	}
	if need != size {
		n := len(dst) - at - size
		if need > size {
			dst = append(dst, noLen[:need-size]...)
		}
		copy(dst[at+need:], dst[at+size:at+size+n])
		dst = dst[:at+need+n]
	}
	switch need {
	case 1:
		dst[at] = 0x80 | byte(pairs)
	case 3:
		dst[at] = 0xde
		binary.BigEndian.PutUint16(dst[at+1:], uint16(pairs))
	default:
		dst[at] = 0xdf
		binary.BigEndian.PutUint32(dst[at+1:], uint32(pairs))
	}
	return dst, need
}
