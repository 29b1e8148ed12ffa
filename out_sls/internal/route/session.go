package route

import (
	"bytes"
	"encoding/binary"

	"fluent-bit-sls/shared/loggroup"
)

// Session routes the records of one flush. It is not for concurrent use.
type Session struct {
	router *Router
	in     values // of the last record
	known  *destinations
	groups groups
	// fixed is the destination of every record, nil when records decide.
	fixed *Target

	key    []byte // values made to fit, each behind its length: those of the tag, then those of the record
	ofTag  int    // how many bytes of key are of the tag
	values []byte // of the last record before they are made to fit
	last   *Target
	spare  []byte // room for the next values
	// roots are copies of in.roots of the record that last is for. They are empty for what
	// the record does not have. same tells that all of them are copied.
	roots [][]byte
	same  bool

	records       uint64
	tagFallbacks  uint64 // of each record, by templates of the tag
	lastFallbacks uint64 // of the last record
	fallbacks     uint64 // of all records
	evicted       uint64

	instead      []byte // the key of the defaults, for a record that names what is not allowed
	firstRefused []byte // the first such name, as project/logstore
	refused      uint64 // records
	tagRefused   uint64 // of each record
	lastRefused  uint64 // of the last record

	plain      []byte // the key without a record's choices, for one group too many
	capped     uint64 // records
	lastCapped uint64 // of the last record
}

// maxKept bounds the buffers that a session keeps for the next flush.
const maxKept = 64 << 10

// Begin starts the flush of one chunk. End has to follow.
func (r *Router) Begin(tag string) *Session {
	s, _ := r.sessions.Get().(*Session) // the pool's New makes nothing else
	s.begin(tag)
	return s
}

func (s *Session) begin(tag string) {
	r := s.router
	s.in.tag = tag
	s.known.begin()
	s.groups.begin()
	if len(r.fields) == 0 {
		s.fixed = &r.static
		return
	}
	for i := range r.fields[:r.ofTag] {
		f := &r.fields[i]
		value, ok := f.template.Append(s.spare[:0], &s.in)
		s.spare = value
		if s.appendField(f, value, ok) {
			s.tagFallbacks++
		}
	}
	s.ofTag = len(s.key)
	if r.ofTag == len(r.fields) {
		s.fixed, s.tagRefused, _ = s.find()
	}
}

// Route returns where a record goes. The record is a msgpack map that can be read to its
// end. The same destination is the same pointer until the session has more than
// max_destinations. The pointer is valid until End, and what it points to must not be
// changed. A copy of the Destination stays valid.
func (s *Session) Route(record []byte) *Target {
	s.records++
	if s.fixed != nil {
		return s.fixed
	}
	return s.route(record)
}

func (s *Session) route(record []byte) *Target {
	if s.sameRoots(record) {
		return s.again()
	}
	s.readValues()
	if s.last != nil && bytes.Equal(s.spare, s.values) {
		return s.again()
	}
	s.values, s.spare = s.spare, s.values
	s.key, s.lastFallbacks = s.key[:s.ofTag], 0
	at := 0
	for i := range s.router.fields[s.router.ofTag:] {
		size := int(binary.LittleEndian.Uint32(s.values[at:]))
		ok := s.values[at+4] != 0
		at += valueHead
		if s.appendField(&s.router.fields[s.router.ofTag+i], s.values[at:at+size], ok) {
			s.lastFallbacks++
		}
		at += size
	}
	s.fallbacks += s.lastFallbacks
	s.last, s.lastRefused, s.lastCapped = s.find()
	s.refused += s.lastRefused
	s.capped += s.lastCapped
	return s.last
}

// again is for a record that goes where the last one went.
func (s *Session) again() *Target {
	s.fallbacks += s.lastFallbacks
	s.refused += s.lastRefused
	s.capped += s.lastCapped
	return s.last
}

// maxRoot bounds the values of a record that are remembered, in bytes each.
const maxRoot = 16 << 10

// sameRoots reads what templates need of a record, and tells whether the record before had
// the same, byte for byte. As a rule it had: what the kubernetes filter adds is the same
// for all lines of a container.
func (s *Session) sameRoots(record []byte) bool {
	if s.roots == nil {
		s.roots = make([][]byte, len(s.router.roots))
	}
	var whole bool
	s.in.roots, whole = loggroup.LookupKeys(s.in.roots[:0], record, s.router.roots, s.roots)
	same := s.same && whole
	for i, v := range s.in.roots {
		same = same && bytes.Equal(v, s.roots[i]) // at once where the guess was right
	}
	if same {
		return true
	}
	s.same = whole
	for i, v := range s.in.roots {
		if len(v) > maxRoot {
			v, s.same = nil, false
		}
		s.roots[i] = append(s.roots[i][:0], v...)
	}
	return false
}

// valueHead is the size in front of each of Session.values: its length and
// whether there is one at all.
const valueHead = 5

// readValues renders the templates that need the record into s.spare.
func (s *Session) readValues() {
	b := s.spare[:0]
	fields := s.router.fields[s.router.ofTag:]
	for i := range fields {
		head := len(b)
		b = append(b, 0, 0, 0, 0, 0)
		var ok bool
		if b, ok = fields[i].template.Append(b, &s.in); ok {
			b[head+4] = 1
		}
		binary.LittleEndian.PutUint32(b[head:], uint32(len(b)-head-valueHead))
	}
	s.spare = b
}

// appendField appends the value of f to the key, made to fit.
func (s *Session) appendField(f *field, raw []byte, ok bool) (fallback bool) {
	start := len(s.key)
	s.key = append(s.key, 0)
	s.key, fallback = s.router.appendValue(s.key, f, raw, ok)
	size := len(s.key) - start - 1
	if size < 0x80 {
		s.key[start] = byte(size)
		return fallback
	}
	// No value is longer than maxTag: two bytes are enough for its length.
	s.key = append(s.key, 0)
	copy(s.key[start+2:], s.key[start+1:])
	binary.PutUvarint(s.key[start:], uint64(size))
	return fallback
}

// find returns the destination of s.key. When the operator does not allow it, refused is 1
// and the destination is that of the defaults. When the logstore has too many log groups,
// capped is 1 and the destination goes without the record's choices. Only a destination
// that is not open is matched. Nothing is kept of one that is turned away, so that records
// cannot fill the memory.
func (s *Session) find() (t *Target, refused, capped uint64) {
	key := s.key
	k := s.known.byKey[string(key)]
	if k == nil {
		if project, logstore, ok := s.router.allows(key); !ok {
			if len(s.firstRefused) == 0 {
				s.firstRefused = append(append(append(s.firstRefused, project...), '/'), logstore...)
			}
			s.instead = s.router.appendHome(s.instead[:0], key)
			key, refused = s.instead, 1
			k = s.known.byKey[string(key)]
		}
	}
	another := s.router.grouped && !s.known.isOpen(k) && !s.groups.has(key)
	if another && s.groups.full(s.router.names(key)) {
		s.plain = s.router.appendPlain(s.plain[:0], key)
		key, capped, another = s.plain, 1, false
		k = s.known.byKey[string(key)]
	}
	if k == nil {
		var evicted bool
		owned := string(key)
		if k, evicted = s.known.add(owned, s.router.destination(owned)); evicted {
			s.evicted++
		}
	}
	if another {
		s.groups.add(k.key, &k.Destination)
	}
	return s.known.open(k), refused, capped
}

// Refused is how many records of the flush named a destination that is not in
// allow_destinations, and the first one named, as project/logstore.
func (s *Session) Refused() (records uint64, first string) {
	return s.refused + s.records*s.tagRefused, string(s.firstRefused)
}

// Capped is how many records of the flush have chosen a log group beyond max_log_groups.
func (s *Session) Capped() uint64 { return s.capped }

// End ends the flush. The session must not be used again.
func (s *Session) End() {
	s.end()
	s.router.sessions.Put(s)
}

// end keeps what is known, and room.
func (s *Session) end() {
	r := s.router
	if n := s.fallbacks + s.records*s.tagFallbacks; n > 0 {
		r.fallbacks.Add(n)
	}
	if s.evicted > 0 {
		r.evicted.Add(s.evicted)
	}
	if n := s.refused + s.records*s.tagRefused; n > 0 {
		r.refused.Add(n)
	}
	if s.capped > 0 {
		r.capped.Add(s.capped)
	}
	clear(s.in.roots) // they are windows into the chunk
	*s = Session{
		router: r, in: values{roots: s.in.roots[:0]}, roots: s.roots, known: s.known, groups: s.groups,
		key: kept(s.key), values: kept(s.values), spare: kept(s.spare),
		instead: kept(s.instead), firstRefused: kept(s.firstRefused), plain: kept(s.plain),
	}
}

// kept is b emptied for the next flush, nil when it is too large to keep.
func kept(b []byte) []byte {
	if cap(b) > maxKept {
		return nil
	}
	return b[:0]
}
