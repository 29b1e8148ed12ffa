package loggroup

import (
	"encoding/base64"
	"slices"
	"strconv"
)

// Format says how the contents of a Log become fields of a record.
type Format int

const (
	// FormatFlat makes each content a field, its value a string.
	FormatFlat Format = iota
	// FormatJSON parses JSON in the values of JSONKeys; without JSONKeys, in every value
	// that is an object or an array. A value that is no JSON, or nested deeper than 64,
	// stays a string. All else is as with FormatFlat.
	FormatJSON
	// FormatRaw makes one field of all contents: the text of a JSON object.
	FormatRaw
)

// rawKey is the field of FormatRaw: what Fluent Bit's own inputs call a raw line.
const rawKey = "log"

// Names of the position in a record.
const (
	posProject  = "__project__"
	posLogstore = "__logstore__"
	posShard    = "__shard__"
	posCursor   = "__cursor__"
	posID       = "__id__"
)

// positionPairs is how many pairs a Position adds, __id__ among them.
const positionPairs = 5

// Position is where logs are read. It must not change while a Decoder uses it.
type Position struct {
	Project, Logstore string
	Shard             int
}

// place is where in a shard the next group lies.
type place struct {
	number int64  // cursor of the group, decoded
	text   string // cursor of the pull, where those of its groups are not known
	index  int    // of the next log: in its group, or in its pull with text
}

// nextGroup moves on to the next group, whose cursor is one higher.
func (p *place) nextGroup() {
	if p.text == "" {
		p.number++
		p.index = 0
	}
}

// SetCursor sets the cursor of the next group by its number; each group behind it has the
// next number. A cursor is the base64 of its number in decimal. __id__ is then
// SHARD|CURSOR|INDEX, where INDEX counts the group's logs from 0. So a log has the same
// __id__ however it is pulled.
func (d *Decoder) SetCursor(number int64) { d.place = place{number: number} }

// SetPullCursor is for groups whose own cursors are not known. __cursor__ is the cursor
// that they were pulled from, and INDEX counts the logs of all groups up to the next
// call.
func (d *Decoder) SetPullCursor(cursor string) { d.place = place{text: cursor} }

// addPosition adds the pairs that are the same for all Logs of a group, and
// leaves SHARD|CURSOR| in id.
func (d *Decoder) addPosition() {
	p := d.Position
	d.id = append(strconv.AppendInt(d.id[:0], int64(p.Shard), 10), '|')
	shard := len(d.id) - 1
	if d.place.text != "" {
		d.id = append(d.id, d.place.text...)
	} else {
		var number [20]byte
		d.id = base64.StdEncoding.AppendEncode(d.id, strconv.AppendInt(number[:0], d.place.number, 10))
	}
	d.meta = appendStr(appendStr(d.meta, posProject, nil), p.Project, nil)
	d.meta = appendStr(appendStr(d.meta, posLogstore, nil), p.Logstore, nil)
	d.meta = appendStr(appendStr(d.meta, posShard, nil), "", d.id[:shard])
	d.meta = appendStr(appendStr(d.meta, posCursor, nil), "", d.id[shard+1:])
	d.metaSize += positionPairs - 1
	d.id = append(d.id, '|')
}

// appendAdded appends what an event has beside its contents: metaSize pairs, and the id
// with a Position.
func (d *Decoder) appendAdded(dst []byte) []byte {
	dst = append(dst, d.meta...)
	if d.Position == nil {
		return dst
	}
	n := len(d.id)
	d.id = strconv.AppendInt(d.id, int64(d.place.index), 10)
	dst = appendStr(appendStr(dst, posID, nil), "", d.id)
	d.id = d.id[:n]
	return dst
}

// added is how many pairs appendAdded appends.
func (d *Decoder) added() int {
	if d.Position == nil {
		return d.metaSize
	}
	return d.metaSize + 1
}

// appendRich is appendEvent for all that the steady path leaves out: other formats,
// metadata of the event, a Position.
func (d *Decoder) appendRich(dst, group []byte, off, end int) ([]byte, error) {
	head, metaSize := len(dst), 0
	dst = append(dst, noEvent[:eventHeadSize]...)
	if d.InMetadata {
		dst, metaSize = putMapHead(dst, len(dst)-1, 1, d.added())
		dst = d.appendAdded(dst)
	}
	mapAt := len(dst)
	d.mapSize = max(d.mapSize, 1)
	dst = append(dst, noLen[:d.mapSize]...)
	t := logTime{}
	dst, pairs, err := d.appendContents(dst, group, off, end, &t)
	if err != nil {
		return dst, err
	}
	if !t.ok {
		return dst, corrupt(off, reasonNoTime)
	}
	if !d.InMetadata {
		dst = d.appendAdded(dst)
		pairs += d.added()
	}
	dst, d.mapSize = putMapHead(dst, mapAt, d.mapSize, pairs)
	if d.InMetadata && d.IncludeMeta && t.hasNs && t.nsec == 0 {
		// TimeNs comes behind the contents, so it is known last.
		dst = slices.Insert(dst, mapAt, zeroTimeNs[:]...)
		dst, _ = putMapHead(dst, head+eventHeadSize-1, metaSize, d.added()+1)
	}
	putEventHead(dst[head:], t.sec, t.nsec)
	d.place.index++
	return dst, nil
}

// zeroTimeNs is the pair of metaTimeNs and "0". It is never written to.
var zeroTimeNs = [...]byte{0xb0, '_', '_', 't', 'i', 'm', 'e', '_', 'n', 's', '_', 'p', 'a', 'r', 't', '_', '_', 0xa1, '0'}

// appendContents appends the contents of the Log whose fields lie from off to end,
// by Format, and returns how many pairs they became.
func (d *Decoder) appendContents(dst, group []byte, off, end int, t *logTime) (out []byte, pairs int, err error) {
	raw := rawText{}
	if d.Format == FormatRaw {
		dst = raw.begin(dst)
	}
	for at := off; at < end; {
		if d.Format == FormatFlat {
			if out, next := appendUsual(dst, group, at, end); next > 0 {
				dst, at = out, next
				pairs++
				continue
			}
		}
		f, next, err := readField(group[:end], at)
		if err != nil {
			return dst, 0, err
		}
		if f.number == 2 && f.wire == wireBytes {
			dst, err = d.appendContent(dst, group[:next], at, f.start, pairs)
			pairs++
		} else {
			err = t.set(f, at)
		}
		if err != nil {
			return dst, 0, err
		}
		at = next
	}
	if d.Format == FormatRaw {
		return raw.end(dst), 1, nil
	}
	return dst, pairs, nil
}

// appendContent appends one content; before is how many of its Log came before it.
func (d *Decoder) appendContent(dst, b []byte, off, body, before int) ([]byte, error) {
	key, value, err := readPair(b, off, body)
	if err != nil {
		return dst, err
	}
	switch d.Format {
	case FormatRaw:
		if before > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendQuoted(dst, key, len(key)), ':')
		return appendQuoted(dst, value, len(value)), nil
	case FormatJSON:
		dst = appendStr(dst, "", key)
		if d.parses(key, value) {
			if d.json == nil {
				d.json = newJSONReader()
			}
			if out, ok := d.json.append(dst, value); ok {
				return out, nil
			}
		}
		return appendStr(dst, "", value), nil
	default:
		dst = appendStr(dst, "", key)
		return appendStr(dst, "", value), nil
	}
}

// parses reports whether a value is to be tried as JSON.
func (d *Decoder) parses(key, value []byte) bool {
	if len(d.JSONKeys) > 0 {
		return d.JSONKeys[string(key)]
	}
	for _, c := range value {
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c == '{' || c == '['
		}
	}
	return false
}

// rawText is the one field of FormatRaw while it is written: its length comes
// before its text and is known after it.
type rawText struct{ at int }

// begin appends the key, room for the value's head, and the opening brace.
func (r *rawText) begin(dst []byte) []byte {
	dst = appendStr(dst, rawKey, nil)
	r.at = len(dst)
	dst = append(dst, noLen[:maxStrHead]...)
	return append(dst, '{')
}

func (r *rawText) end(dst []byte) []byte {
	dst = append(dst, '}')
	return closeStr(dst, r.at)
}

// closeStr writes the head of the str whose text begins maxStrHead bytes behind at, and
// closes the gap that a shorter head leaves.
func closeStr(dst []byte, at int) []byte {
	n := len(dst) - at - maxStrHead
	p := putLongHead(dst, at, n)
	if p == at+maxStrHead {
		return dst
	}
	copy(dst[p:], dst[at+maxStrHead:])
	return dst[:p+n]
}

// putLongHead is putStrHead for any length.
//
//	... | str 32 db
func putLongHead(b []byte, p, n int) int {
	if n < 1<<16 {
		return putStrHead(b, p, n)
	}
	b[p], b[p+1], b[p+2], b[p+3], b[p+4] = 0xdb, byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return p + 5
}
