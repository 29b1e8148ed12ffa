package slsfake

import (
	"net/http"
	"time"
)

// PutLogs: POST /logstores/L, POST /logstores/L/shards/lb and
// POST /logstores/L/shards/route?key=K, each with &processor=P or without.
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
// Not implemented: what processors do, the metric store URL, several groups in one
// request (x-log-mode: batch_group), seqid.
func (s *Server) putLogs(r *request) (answer, *apiError) {
	key, _ := parseKey(r.hashKey())
	if r.query.Has("processor") && r.query.Get("processor") == "" {
		return answer{}, fail(codeParameterInvalid, "processor has no name")
	}
	if mode := r.http.Header.Get("X-Log-Mode"); mode == "batch_group" {
		return answer{}, unsupported("x-log-mode " + mode)
	}
	if err := s.logstoreExists(r); err != nil {
		return answer{}, err
	}
	data, err := s.writeBody(r)
	if err != nil {
		return answer{}, err
	}
	facts, err := verifyGroup(data, groupLimits{maxLogs: s.cfg.MaxLogs, maxLogSize: s.cfg.MaxLogSize})
	if err != nil {
		return answer{}, err
	}
	if err := s.checkLogTime(facts); err != nil {
		return answer{}, err
	}
	if facts.noValue > 0 {
		data = completeGroup(data)
	}
	return answer{status: http.StatusOK}, s.store(r, data, facts, key)
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
	h := r.http.Header
	if ct := h.Get("Content-Type"); ct != "application/x-protobuf" {
		return nil, fail(codeInvalidContentType, "content-type %q is not application/x-protobuf", ct)
	}
	size := r.rawSize
	if size < 0 {
		return nil, fail(codeMissingBodyRawSize, "x-log-bodyrawsize does not exist in http header when it is necessary")
	}
	if size > s.cfg.MaxRawSize {
		return nil, fail(codePostBodyTooLarge, "Body size %d must little than %d", size, s.cfg.MaxRawSize)
	}
	codec := h.Get("X-Log-Compresstype")
	if codec == "" {
		if len(r.body) != size {
			return nil, fail(codeInvalidBodyRawSize, "x-log-bodyrawsize is %d, the body has %d bytes", size, len(r.body))
		}
		return r.body, nil
	}
	if !isCodec(codec) {
		return nil, fail(codeInvalidCompressType, "x-log-compresstype %q is not supported", codec)
	}
	raw, err := s.codecs.decompress(codec, r.body, size)
	if err != nil {
		return nil, fail(codePostBodyUncompress, "%s body cannot be uncompressed: %v", codec, err)
	}
	return raw, nil
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

// store appends the group to the shard that takes it. The logstore is looked
// up again: it may have gone while the body was verified.
func (s *Server) store(r *request, data []byte, f groupFacts, key string) *apiError {
	w := &writer{requestID: r.id, accessKeyID: r.accessKeyID, userAgent: r.http.UserAgent(), hashKey: key, processor: r.query.Get("processor")}
	s.mu.Lock()
	defer s.mu.Unlock()
	ls, err := s.logstoreLocked(r.project, r.logstore)
	if err != nil {
		return err
	}
	sh := ls.writable(key) // ranges of read-write shards cover the whole space
	if err := s.chargeWriteLocked(s.projects[r.project], sh, len(data)); err != nil {
		return err
	}
	sh.append(group{data: data, received: s.nowLocked().UnixNano(), logs: int32(f.logs), writer: w})
	r.in = traffic{raw: len(data), groups: 1, logs: f.logs}
	return nil
}
