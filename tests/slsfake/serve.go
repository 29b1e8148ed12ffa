package slsfake

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxWireBody is the most that is read of any request; what is beyond is
// answered PostBodyTooLarge with the connection closed.
const maxWireBody = 64 << 20

// maxPooledBody is the largest wire buffer kept for reuse.
const maxPooledBody = 12 << 20

// request is one HTTP request on its way through the server.
type request struct {
	route
	id          string
	project     string
	query       url.Values
	http        *http.Request
	body        []byte  // as sent
	pooled      *[]byte // where body came from; nil = body may be kept
	accessKeyID string
	rawSize     int     // x-log-bodyrawsize; -1 = not sent
	in          traffic // what a write brought
}

// hashKey is the key a write names, unchecked: in the query of /shards/route, in
// the header x-log-hashkey (the service's older interface) elsewhere; "" = none.
func (r *request) hashKey() string {
	if r.hashed {
		return r.query.Get("key")
	}
	return r.http.Header.Get("X-Log-Hashkey")
}

// call is the request as hooks see it.
func (r *request) call(n int) *Call {
	c := &Call{
		Op: r.op, Project: r.project, Logstore: r.logstore, Group: r.group,
		Consumer: r.query.Get("consumer"), Shard: r.shard, Cursor: r.query.Get("cursor"),
		HashKey: r.hashKey(), SequenceID: r.query.Get("seqid"), N: n, RequestID: r.id, AccessKeyID: r.accessKeyID,
		Method: r.http.Method, Header: r.http.Header, Body: r.body,
	}
	var body checkpointBody
	if r.op == OpUpdateCheckpoint && decodeJSON(r.body, &body) == nil && body.Shard != nil {
		c.Shard, c.Cursor = *body.Shard, body.Checkpoint
	}
	var made projectBody
	if r.op == OpCreateProject && decodeJSON(r.body, &made) == nil {
		c.Project = made.Name
	}
	return c
}

// answer is what goes back.
type answer struct {
	status int
	header http.Header
	body   []byte
	code   string  // error code, for the statistics
	out    traffic // what a pull took away
}

func (a *answer) set(name, value string) {
	if a.header == nil {
		a.header = http.Header{}
	}
	a.header.Set(name, value)
}

// errAbort ends a request without an answer: the connection is reset.
var errAbort = errors.New("connection to be reset")

// serveHTTP takes one request through: read, route, authenticate, hooks,
// operation, answer.
func (s *Server) serveHTTP(w http.ResponseWriter, hr *http.Request) {
	if !s.enter() {
		hijackAndReset(w)
		return
	}
	defer s.calls.Done()
	if strings.HasPrefix(hr.URL.Path, adminPath) {
		s.serveAdmin(w, hr)
		return
	}
	begin := time.Now()
	r := &request{http: hr, id: fmt.Sprintf("%024X", s.requestSeq.Add(1))}
	r.op, r.shard = OpUnknown, -1
	defer s.release(r)

	a, p, err := s.process(r)
	silent := err != nil || p.closeAfter
	// Counted before the answer leaves: a client that has its answer finds the
	// request in the statistics.
	s.refusals.note(r, a, silent || p.truncate, s.now())
	s.stats.record(r, a, silent || p.truncate)
	aborted := silent || s.send(w, r, a, p) != nil
	if aborted {
		hijackAndReset(w)
	}
	s.trace(r, a, begin, aborted)
}

// process returns the answer and how to deliver it, or errAbort.
func (s *Server) process(r *request) (answer, plan, error) {
	if err := s.receive(r); err != nil {
		var refused *apiError
		if errors.As(err, &refused) {
			return refused.answer(), plan{}, nil
		}
		return answer{}, plan{}, errAbort
	}
	if auth, ok := parseAuthorization(r.http.Header.Get("Authorization")); ok && s.Silenced(auth.keyID) {
		<-r.http.Context().Done() // the client gives up
		return answer{}, plan{}, errAbort
	}
	if err := s.admit(r); err != nil {
		return err.answer(), plan{}, nil
	}
	s.locate(r)
	p := s.hooks.run(r)
	if !wait(r, p.delay) || p.closeBefore {
		return answer{}, p, errAbort
	}
	var a answer
	if p.answer != nil {
		a = *p.answer
		if p.recordSequence {
			s.recordOnly(r)
		}
	} else {
		a = s.carryOut(r)
		if err := s.writeData(); err != nil {
			// It is done, but will not be after a restart.
			a = fail(codeInternalServerError, "data: %v", err).answer()
		}
		if p.instead != nil {
			a = *p.instead
		}
	}
	if !wait(r, p.delayAfter) {
		return a, p, errAbort
	}
	return a, p, nil
}

// carryOut answers what no hook has answered: a hook may answer for parameters that
// the emulator does not implement.
func (s *Server) carryOut(r *request) answer {
	if err := r.checkParams(r.query); err != nil {
		return err.answer()
	}
	a, err := r.run(s, r)
	if err != nil {
		return err.answer()
	}
	return a
}

// receive reads the body into r. An *apiError is for the client, any other
// error means that the client went away.
func (s *Server) receive(r *request) error {
	hr := r.http
	if hr.ContentLength < 0 || (hr.Header.Get("Content-Length") == "" &&
		(hr.Method == http.MethodPost || hr.Method == http.MethodPut)) {
		return fail(codeMissingContentLength, "content-length does not exist in http header when it is necessary")
	}
	if hr.ContentLength > maxWireBody {
		return fail(codePostBodyTooLarge, "body of %d bytes is too large", hr.ContentLength)
	}
	n := int(hr.ContentLength)
	if n == 0 {
		return nil
	}
	if hr.Header.Get("X-Log-Compresstype") == "" {
		r.body = make([]byte, n) // what is not compressed is kept as it came
	} else {
		r.pooled, _ = s.bodies.Get().(*[]byte)
		if r.pooled == nil {
			r.pooled = new([]byte)
		}
		if cap(*r.pooled) < n {
			*r.pooled = make([]byte, n)
		}
		r.body = (*r.pooled)[:n]
	}
	_, err := io.ReadFull(hr.Body, r.body)
	return err
}

// release gives the body's buffer back.
func (s *Server) release(r *request) {
	if r.pooled != nil && cap(*r.pooled) <= maxPooledBody {
		s.bodies.Put(r.pooled)
	}
	r.body, r.pooled = nil, nil
}

// admit finds the operation and authenticates the request.
func (s *Server) admit(r *request) *apiError {
	hr := r.http
	q, err := url.ParseQuery(hr.URL.RawQuery)
	if err != nil {
		return fail(codeParameterInvalid, "query string: %v", err)
	}
	r.query = q
	r.project = projectOf(hr.Host)
	rt, known := parseRoute(hr.Method, r.project, hr.URL.Path, q)
	if known {
		r.route = rt
	}
	if err := s.authenticate(r); err != nil {
		return err
	}
	if !known {
		return fail(codeNotSupported, "the emulator has no %s %s", hr.Method, hr.URL.RequestURI())
	}
	if r.project == "" && !r.anyHost {
		return fail(codeMissingHost, "host %q names no project", hr.Host)
	}
	return nil
}

// wait sleeps for d; false when the connection ends first: the client goes
// away, the server closes or is cut off.
func wait(r *request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.http.Context().Done():
		return false
	}
}

// send writes the answer as p wants it delivered.
func (s *Server) send(w http.ResponseWriter, r *request, a answer, p plan) error {
	h := w.Header()
	h.Set("Server", "slsfake")
	h.Set("Date", s.now().UTC().Format(http.TimeFormat))
	h.Set("X-Log-Requestid", r.id)
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	for name, values := range a.header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // keep net/http from guessing one
	}
	w.WriteHeader(a.status)
	body := a.body
	if p.truncate {
		body = body[:min(len(body), max(0, p.truncateAt))]
	}
	if err := sendBody(w, r, body, p.bytesPerSecond); err != nil || !p.truncate {
		return err
	}
	_ = http.NewResponseController(w).Flush() // what there is must arrive before the reset
	return errAbort
}

func sendBody(w http.ResponseWriter, r *request, body []byte, bytesPerSecond int) error {
	if bytesPerSecond <= 0 {
		_, err := w.Write(body)
		return err
	}
	const step = 100 * time.Millisecond
	perStep := max(1, bytesPerSecond/int(time.Second/step))
	for len(body) > 0 {
		n := min(perStep, len(body))
		if _, err := w.Write(body[:n]); err != nil {
			return err
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return err
		}
		body = body[n:]
		if !wait(r, step) {
			return errAbort
		}
	}
	return nil
}

// hijackAndReset takes the connection from net/http and resets it.
func hijackAndReset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return // already gone
	}
	reset(conn)
}
