package slsfake

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// PullLogs: GET /logstores/L/shards/S?type=logs&cursor=C&count=N[&end_cursor=E],
// or with type=log: the Java and Python SDKs send that.
//
// Answers the groups from the cursor on as a LogGroupList (each stored group
// as field 1, bytes untouched), at most count (1..1000) of them, at most
// Config.MaxPullSize raw bytes but one group at least, and none from
// end_cursor on. x-log-cursor is where to go on; at the end of the shard, or
// at end_cursor, it is the cursor asked for and the body is empty. A read-only
// shard answers the same way: only ListShards tells that nothing will follow.
// x-log-end-of-cursor is 1 when nothing lies beyond that cursor now: the Java
// consumer waits then. x-log-cursor-time is when the last group of the answer was
// received, in unix seconds, as read-last-cursor is its number; an answer without
// groups has neither. Accept must be application/x-protobuf. Accept-Encoding lz4,
// zstd or deflate compresses; anything else is answered plain and without
// x-log-compresstype.
//
// Not implemented: query=, pullMode= and processor= (400 NotSupported).
func (s *Server) pullLogs(r *request) (answer, *apiError) {
	if a := r.http.Header.Get("Accept"); a != "application/x-protobuf" {
		return answer{}, fail(codeParameterInvalid, "accept %q is not application/x-protobuf", a)
	}
	count, err := strconv.Atoi(r.query.Get("count"))
	if err != nil || count < 1 || count > 1000 {
		return answer{}, fail(codeParameterInvalid, "count %q is not within 1..1000", r.query.Get("count"))
	}
	p, apiErr := s.readGroups(r, count)
	if apiErr != nil {
		return answer{}, apiErr
	}
	return s.pullAnswer(r, p)
}

// page is what a pull answers with.
type page struct {
	groups []group // not to be changed
	next   int64   // the number after them
	end    bool    // nothing follows now that the pull asks for
}

func (s *Server) readGroups(r *request, count int) (page, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, sh, err := s.shardLocked(r)
	if err != nil {
		return page{}, err
	}
	from, err := sh.position(r.query.Get("cursor"))
	if err != nil {
		return page{}, err
	}
	until := sh.endNumber()
	if end := r.query.Get("end_cursor"); end != "" {
		n, err := requestCursor(end) // may lie beyond the end: what is written until then counts
		if err != nil {
			return page{}, err
		}
		until = max(from, min(until, n))
	}
	p := s.projects[r.project]
	if err := s.chargeReadLocked(p, sh); err != nil {
		return page{}, err
	}
	groups := sh.groups[from-sh.base : min(until, from+int64(count))-sh.base]
	size, n := 0, 0
	for n < len(groups) {
		size += listedSize(groups[n])
		if n > 0 && size > s.cfg.MaxPullSize {
			size -= listedSize(groups[n])
			break
		}
		n++
	}
	p.used.readBytes.take(size)
	sh.used.readBytes.take(size)
	next := from + int64(n)
	return page{groups[:n:n], next, next == until}, nil
}

// listedSize is what a group takes in a LogGroupList.
func listedSize(g group) int {
	return 1 + protowire.SizeBytes(len(g.data))
}

func (s *Server) pullAnswer(r *request, p page) (answer, *apiError) {
	groups := p.groups
	size := 0
	for i := range groups {
		size += listedSize(groups[i])
	}
	a := answer{status: http.StatusOK, body: slices.Grow([]byte(nil), size)}
	for i := range groups {
		a.body = protowire.AppendTag(a.body, 1, protowire.BytesType)
		a.body = protowire.AppendBytes(a.body, groups[i].data)
	}
	a.out = traffic{raw: size, groups: len(groups)}
	a.set("Content-Type", "application/x-protobuf")
	a.set("X-Log-Cursor", encodeCursor(p.next))
	a.set("X-Log-Count", strconv.Itoa(len(groups)))
	a.set("X-Log-Bodyrawsize", strconv.Itoa(size))
	if p.end {
		a.set("X-Log-End-Of-Cursor", "1")
	}
	if len(groups) == 0 {
		return a, nil
	}
	a.set("X-Log-Read-Last-Cursor", strconv.FormatInt(p.next-1, 10))
	a.set("X-Log-Cursor-Time", strconv.FormatInt(groups[len(groups)-1].received/1e9, 10))
	return a, s.compressAnswer(r, &a)
}

// compressAnswer compresses the body as the client accepts it.
func (s *Server) compressAnswer(r *request, a *answer) *apiError {
	codec := strings.ToLower(r.http.Header.Get("Accept-Encoding"))
	if !isCodec(codec) {
		return nil
	}
	body, err := s.codecs.compress(codec, a.body)
	if err != nil {
		return fail("InternalServerError", "compress: %v", err).withStatus(http.StatusInternalServerError)
	}
	a.body = body
	a.set("X-Log-Compresstype", codec)
	return nil
}
