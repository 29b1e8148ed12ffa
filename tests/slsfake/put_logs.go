package slsfake

import (
	"net/http"
	"time"
)

// PutLogs: POST /logstores/L, POST /logstores/L/shards/lb and
// POST /logstores/L/shards/route?key=K[&seqid=N], each with &processor=P or without.
//
// The body is one LogGroup (application/x-protobuf), plain, as an lz4 block, as
// zstd or as deflate per x-log-compresstype; x-log-bodyrawsize is its uncompressed
// length and must be exact. It is verified in full before anything is stored, then
// stored as it came. Two things that the messages do not allow are taken, because
// official clients send them: a group without logs (the Java and Python SDKs) is
// stored like any other, and a Value left out (the C++ output, where it is empty)
// is an empty one, written into what is stored: clients that read it require it.
//
// Without a key, at /shards/route too, the read-write shards take turns; with one
// (in the query of /shards/route or, as older clients send it, in the header
// x-log-hashkey elsewhere) the shard whose range holds it is written (see placeOf
// for keys that are not 32 hex digits). A key= elsewhere is refused: it would be
// load-balanced. An ingest processor is noted with the group and processes
// nothing: any name will do, as nothing says what the service answers to one that
// does not exist, but not an empty one.
//
// With seqid, the write is refused if its key has had that number: see sequence.go.
// It goes with a key of 32 hex digits only.
//
// With the header x-log-mode: batch_group, at /shards/lb or /shards/route, the body is
// a list of groups, each compressed by itself: see log_packages.go. They go to one
// shard, all of them or none. Clients send neither seqid nor a processor with it, and
// do not send it to /logstores/L: that is refused.
//
// Not implemented: what processors do, the metric store URL.
func (s *Server) putLogs(r *request) (answer, *apiError) {
	if r.query.Has("processor") && r.query.Get("processor") == "" {
		return answer{}, fail(codeParameterInvalid, "processor has no name")
	}
	sequence, err := r.sequenceID()
	if err != nil {
		return answer{}, err
	}
	batch, err := s.isGroupBatch(r)
	if err != nil {
		return answer{}, err
	}
	if err := s.logstoreExists(r); err != nil {
		return answer{}, err
	}
	groups, err := s.groupsOf(r, batch)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK}, s.store(r, groups, sequence)
}

// isGroupBatch reads the header x-log-mode.
func (s *Server) isGroupBatch(r *request) (bool, *apiError) {
	mode := r.http.Header.Get("X-Log-Mode")
	if mode == "" || !s.knowsGroupBatches() {
		return false, nil
	}
	if mode != "batch_group" {
		return false, unsupported("x-log-mode " + mode)
	}
	switch {
	case r.query.Has("seqid"):
		return false, fail(codeParameterInvalid, "seqid goes with one log group only, not with x-log-mode %s", mode)
	case r.query.Has("processor"):
		return false, unsupported("a processor with x-log-mode " + mode)
	case !r.hashed && !r.balanced:
		return false, unsupported("x-log-mode " + mode + " but at /shards/lb and /shards/route")
	}
	return true, nil
}

// newGroup is one verified group of a write.
type newGroup struct {
	data  []byte
	facts groupFacts
}

// groupsOf returns the verified groups of a write.
func (s *Server) groupsOf(r *request, batch bool) ([]newGroup, *apiError) {
	if batch {
		return s.groupBatch(r)
	}
	data, err := s.writeBody(r)
	if err != nil {
		return nil, err
	}
	g, err := s.verify(data)
	return []newGroup{g}, err
}

// verify checks one encoded group, which it takes over.
func (s *Server) verify(data []byte) (newGroup, *apiError) {
	facts, err := verifyGroup(data, groupLimits{maxLogs: s.cfg.MaxLogs, maxLogSize: s.cfg.MaxLogSize})
	if err != nil {
		return newGroup{}, err
	}
	if err := s.checkLogTime(facts); err != nil {
		return newGroup{}, err
	}
	if facts.noValue > 0 {
		data = completeGroup(data)
	}
	return newGroup{data, facts}, nil
}

// locate notes the shard a write by key is for, so that hooks know it. What is
// wrong with the write is left to putLogs, which looks for the shard itself: a
// split may come between.
func (s *Server) locate(r *request) {
	if r.op != OpPutLogs {
		return
	}
	key := placeOf(r.hashKey())
	if key == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ls, err := s.logstoreLocked(r.project, r.logstore); err == nil {
		for _, sh := range ls.shards {
			if !sh.readOnly && sh.holds(key) {
				r.shard = sh.id
			}
		}
	}
}

func (s *Server) logstoreExists(r *request) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.logstoreLocked(r.project, r.logstore)
	return err
}

// writeBody returns the uncompressed body, owned by the caller.
func (s *Server) writeBody(r *request) ([]byte, *apiError) {
	codec, refused := s.bodyHeaders(r)
	if refused != nil {
		return nil, refused
	}
	if codec == "" {
		if len(r.body) != r.rawSize {
			return nil, fail(codeInvalidBodyRawSize, "x-log-bodyrawsize is %d, the body has %d bytes", r.rawSize, len(r.body))
		}
		return r.body, nil
	}
	raw, err := s.codecs.decompress(codec, r.body, r.rawSize)
	if err != nil {
		return nil, fail(codePostBodyUncompress, "%s body cannot be uncompressed: %v", codec, err)
	}
	return raw, nil
}

// bodyHeaders checks what the headers say of the body, and returns the compression;
// "" = none.
func (s *Server) bodyHeaders(r *request) (codec string, err *apiError) {
	h := r.http.Header
	if ct := h.Get("Content-Type"); ct != "application/x-protobuf" {
		return "", fail(codeInvalidContentType, "content-type %q is not application/x-protobuf", ct)
	}
	if r.rawSize < 0 {
		return "", fail(codeMissingBodyRawSize, "x-log-bodyrawsize does not exist in http header when it is necessary")
	}
	if r.rawSize > s.cfg.MaxRawSize {
		return "", fail(codePostBodyTooLarge, "Body size %d must little than %d", r.rawSize, s.cfg.MaxRawSize)
	}
	codec = h.Get("X-Log-Compresstype")
	if codec != "" && !isCodec(codec) {
		return "", fail(codeInvalidCompressType, "x-log-compresstype %q is not supported", codec)
	}
	return codec, nil
}

// checkLogTime holds the logs' times against the window -7 days .. +15
// minutes, when configured.
func (s *Server) checkLogTime(f groupFacts) *apiError {
	if !s.cfg.CheckLogTime || f.logs == 0 {
		return nil
	}
	now := s.now()
	oldest, newest := now.Add(-7*24*time.Hour).Unix(), now.Add(15*time.Minute).Unix()
	if int64(f.minTime) < oldest || int64(f.maxTime) > newest {
		return fail(codePostBodyInvalid, "post data time is out of range").withStatus(statusTimeOutOfRange)
	}
	return nil
}

// store appends the groups, all or none, to the shard that takes them. The logstore is
// looked up again: it may have gone while the body was verified.
func (s *Server) store(r *request, groups []newGroup, sequence uint64) *apiError {
	key, _ := parseKey(r.hashKey())
	w := &writer{
		requestID: r.id, accessKeyID: r.accessKeyID, userAgent: r.http.UserAgent(),
		hashKey: key, processor: r.query.Get("processor"), sequence: sequence,
	}
	in := traffic{groups: len(groups)}
	for _, g := range groups {
		in.raw += len(g.data)
		in.logs += g.facts.logs
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ls, err := s.logstoreLocked(r.project, r.logstore)
	if err != nil {
		return err
	}
	sh := ls.writable(key) // ranges of read-write shards cover the whole space
	if err := s.checkSequenceLocked(ls, sh, w, groups); err != nil {
		return err
	}
	if err := s.chargeWriteLocked(s.projects[r.project], sh, in.raw); err != nil {
		return err
	}
	s.recordSequenceLocked(sh, w)
	now := s.nowLocked().UnixNano()
	for _, g := range groups {
		stored := group{data: g.data, received: now, logs: int32(g.facts.logs), writer: w}
		number := sh.append(stored)
		s.keepGroupLocked(r.project, r.logstore, sh, stored)
		s.latest.add(latestGroup{r.project, r.logstore, sh.id, number, stored})
	}
	r.in = in
	return nil
}
