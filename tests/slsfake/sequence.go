package slsfake

import (
	"cmp"
	"container/list"
	"slices"
	"strconv"
	"time"
)

// A write by hash key may carry a sequence number (seqid): what makes writes
// exactly-once. A shard remembers the last number of each key. A number that is not
// above it is refused, and nothing is stored. Gaps are allowed. Only the number
// counts: bytes are not compared.
//
// What the public page on exactly-once writes leaves open is decided here:
//   - a refusal is 400 InvalidSequenceId;
//   - a number is looked at after the body and before the quota, and is recorded only
//     with the write that carries it;
//   - of more than Config.MaxSequences keys in a shard, the one written longest ago is
//     forgotten;
//   - the state follows a split and a merge, until SetSequencesFollow(false).

// sequences is what one shard remembers. The zero value is empty.
type sequences struct {
	byKey map[string]*list.Element // of *sequence
	order list.List                // written longest ago first
}

type sequence struct {
	key  string
	last uint64
	turn uint64 // of Server.sequenceTurn: orders the keys of several shards
}

// last is the last number of a key; 0 = none is known.
func (q *sequences) last(key string) uint64 {
	if e := q.byKey[key]; e != nil {
		return e.Value.(*sequence).last
	}
	return 0
}

// record makes e the newest entry and forgets the oldest ones beyond limit.
func (q *sequences) record(e sequence, limit int) {
	if q.byKey == nil {
		q.byKey = map[string]*list.Element{}
	}
	if old := q.byKey[e.key]; old != nil {
		q.order.Remove(old)
	}
	q.byKey[e.key] = q.order.PushBack(&e)
	for len(q.byKey) > limit {
		oldest := q.order.Front()
		delete(q.byKey, q.order.Remove(oldest).(*sequence).key)
	}
}

// all lists the entries, written longest ago first.
func (q *sequences) all() []sequence {
	var out []sequence
	for e := q.order.Front(); e != nil; e = e.Next() {
		out = append(out, *e.Value.(*sequence))
	}
	return out
}

// inheritLocked gives a new shard what its parents know of the keys in its range.
func (s *Server) inheritLocked(child *shard, parents ...*shard) {
	if s.forgetful {
		return
	}
	var known []sequence
	for _, p := range parents {
		known = append(known, p.sequences.all()...)
	}
	slices.SortFunc(known, func(a, b sequence) int { return cmp.Compare(a.turn, b.turn) })
	for _, e := range known {
		if child.holds(e.key) {
			child.sequences.record(e, s.cfg.MaxSequences)
		}
	}
}

// sequenceID reads the number that a write carries; 0 = it carries none.
func (r *request) sequenceID() (uint64, *apiError) {
	if !r.query.Has("seqid") {
		return 0, nil
	}
	if _, ok := parseKey(r.hashKey()); !ok {
		return 0, fail(codeParameterInvalid, "seqid needs a key of 32 hex digits, key is %q", r.hashKey())
	}
	text := r.query.Get("seqid")
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != text {
		return 0, fail(codeParameterInvalid, "seqid %q is no decimal number from 1 to 2^64-1", text)
	}
	return n, nil
}

// checkSequenceLocked refuses a number that the shard has had for this key, and notes
// what it has refused. 0 is no number.
func (s *Server) checkSequenceLocked(ls *logstore, sh *shard, w *writer, groups []newGroup) *apiError {
	last := sh.sequences.last(w.hashKey)
	if w.sequence == 0 || w.sequence > last {
		return nil
	}
	refused := RefusedSequence{
		Time: s.nowLocked(), RequestID: w.requestID, AccessKeyID: w.accessKeyID,
		Shard: sh.id, HashKey: w.hashKey, SequenceID: w.sequence, Last: last,
	}
	for _, g := range groups { // exactly one
		refused.Data, refused.LogCount = g.data, g.facts.logs
	}
	ls.refused = append(ls.refused, refused)
	return fail(codeInvalidSequenceID, "the sequence id %d is invalid, the current one of key %s is %d", w.sequence, w.hashKey, last)
}

// recordSequenceLocked notes the number of a write that is accepted.
func (s *Server) recordSequenceLocked(sh *shard, w *writer) {
	if w.sequence == 0 {
		return
	}
	s.sequenceTurn++
	sh.sequences.record(sequence{key: w.hashKey, last: w.sequence, turn: s.sequenceTurn}, s.cfg.MaxSequences)
}

// recordOnly does what Call.RecordSequence asks for.
func (s *Server) recordOnly(r *request) {
	n, err := r.sequenceID()
	if err != nil || n == 0 || r.op != OpPutLogs {
		return
	}
	key, _ := parseKey(r.hashKey())
	s.mu.Lock()
	defer s.mu.Unlock()
	ls, err := s.logstoreLocked(r.project, r.logstore)
	if err != nil {
		return
	}
	if sh := ls.writable(key); n > sh.sequences.last(key) {
		s.recordSequenceLocked(sh, &writer{hashKey: key, sequence: n})
	}
}

// SetSequencesFollow decides whether the shards of a later split or merge begin with
// what their parents know of sequence numbers. They do at first. Which of the two
// production does is not documented.
func (s *Server) SetSequencesFollow(follow bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetful = !follow
}

// Sequence is the last sequence number that a shard has recorded for a hash key.
type Sequence struct {
	Shard   int
	HashKey string // 32 lower-case hex digits
	Last    uint64
}

// Sequences lists what the shards remember of sequence numbers, by shard; within one,
// the key written longest ago first. Read-only shards keep theirs.
func (s *Server) Sequences(projectName, logstoreName string) []Sequence {
	s.mu.Lock()
	defer s.mu.Unlock()
	ls, err := s.logstoreLocked(projectName, logstoreName)
	if err != nil {
		return nil
	}
	var out []Sequence
	for _, sh := range ls.shards {
		for _, e := range sh.sequences.all() {
			out = append(out, Sequence{Shard: sh.id, HashKey: e.key, Last: e.last})
		}
	}
	return out
}

// RefusedSequence is one write that was refused with InvalidSequenceId.
type RefusedSequence struct {
	Time        time.Time // server's clock
	RequestID   string
	AccessKeyID string
	Shard       int
	HashKey     string
	SequenceID  uint64 // of the write
	Last        uint64 // that the shard had recorded for the key
	Data        []byte // encoded LogGroup of the write; read only
	LogCount    int
}

// RefusedSequences lists the writes of a logstore that were refused with
// InvalidSequenceId, oldest first. Those that a hook refused are not among them.
func (s *Server) RefusedSequences(projectName, logstoreName string) []RefusedSequence {
	s.mu.Lock()
	defer s.mu.Unlock()
	ls, err := s.logstoreLocked(projectName, logstoreName)
	if err != nil {
		return nil
	}
	return slices.Clone(ls.refused)
}

// EachLog calls yield for every log of the refused write until it returns false.
func (r RefusedSequence) EachLog(yield func(Log) bool) {
	decodeGroup(r.Data, Log{
		Shard: r.Shard, Received: r.Time, RequestID: r.RequestID, AccessKeyID: r.AccessKeyID, HashKey: r.HashKey,
	}, yield)
}
