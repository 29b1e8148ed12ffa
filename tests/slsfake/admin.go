package slsfake

import (
	_ "embed" // the page
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// adminPath is where people and tests in other languages look. Nothing there is the
// service's: it needs no signature, no hook sees it, and it is not counted.
//
//	GET    /_slsfake/           the page
//	GET    /_slsfake/events     what the page shows, as server-sent events
//	GET    /_slsfake/logs       the logs of a logstore, as JSON
//	GET    /_slsfake/faults     the faults that are set
//	POST   /_slsfake/faults     sets one
//	DELETE /_slsfake/faults     takes all out; /_slsfake/faults/N one
const adminPath = "/_slsfake/"

//go:embed page.html
var pageHTML []byte

// maxFault is the most bytes of a fault.
const maxFault = 1 << 20

func (s *Server) serveAdmin(w http.ResponseWriter, r *http.Request) {
	what := strings.TrimPrefix(r.URL.Path, adminPath)
	id, isFault := strings.CutPrefix(what, "faults/")
	switch {
	case r.Method == http.MethodGet && what == "":
		servePage(w)
	case r.Method == http.MethodGet && what == "events":
		s.serveEvents(w, r)
	case r.Method == http.MethodGet && what == "logs":
		s.serveLogs(w, r)
	case r.Method == http.MethodGet && what == "faults":
		sendJSON(w, http.StatusOK, s.Faults())
	case r.Method == http.MethodPost && what == "faults":
		s.serveAddFault(w, r)
	case r.Method == http.MethodDelete && what == "faults":
		s.removeFaults(func(*liveFault) bool { return true })
		s.stats.changed()
		sendJSON(w, http.StatusOK, s.Faults())
	case r.Method == http.MethodDelete && isFault:
		s.serveRemoveFault(w, id)
	default:
		sendError(w, http.StatusNotFound, fmt.Errorf("there is no %s %s", r.Method, r.URL.Path))
	}
}

func servePage(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	// The page shows what anybody has written.
	h.Set("Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:")
	_, _ = w.Write(pageHTML) // fails when the client goes away
}

func sendJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // fails when the client goes away
}

func sendError(w http.ResponseWriter, status int, err error) {
	sendJSON(w, status, map[string]string{"error": err.Error()})
}

func (s *Server) serveAddFault(w http.ResponseWriter, r *http.Request) {
	// A page of another origin cannot send this type without being asked first.
	if ct := r.Header.Get("Content-Type"); ct != "application/json" {
		sendError(w, http.StatusUnsupportedMediaType, fmt.Errorf("content-type is %q, not application/json", ct))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxFault))
	if err != nil {
		sendError(w, http.StatusBadRequest, err)
		return
	}
	f, err := readFault(body)
	var id int
	if err == nil {
		id, err = s.AddFault(f)
	}
	if err != nil {
		sendError(w, http.StatusBadRequest, fmt.Errorf("fault: %w", err))
		return
	}
	s.stats.changed()
	sendJSON(w, http.StatusOK, map[string]int{"id": id})
}

func (s *Server) serveRemoveFault(w http.ResponseWriter, text string) {
	id, err := strconv.Atoi(text)
	if err != nil || !s.RemoveFault(id) {
		sendError(w, http.StatusNotFound, fmt.Errorf("there is no fault %q", text))
		return
	}
	s.stats.changed()
	sendJSON(w, http.StatusOK, s.Faults())
}

// logJSON is a log as tests in other languages and the page read it.
type logJSON struct {
	Shard       int               `json:"shard"`
	Cursor      string            `json:"cursor"` // of its group
	Index       int               `json:"index"`  // within the group
	Topic       string            `json:"topic"`
	Source      string            `json:"source"`
	Tags        map[string]string `json:"tags"`
	Time        uint32            `json:"time"`                 // unix seconds
	TimeNs      *uint32           `json:"time_ns,omitempty"`    // nanoseconds within the second
	Contents    [][2]string       `json:"contents"`             // key and value, in the order sent
	Received    time.Time         `json:"received"`             // server's clock
	RequestID   string            `json:"request_id,omitempty"` //
	AccessKeyID string            `json:"access_key_id,omitempty"`
	UserAgent   string            `json:"user_agent,omitempty"`
	HashKey     string            `json:"hash_key,omitempty"`
	Project     string            `json:"project,omitempty"`  // in the events only
	Logstore    string            `json:"logstore,omitempty"` // in the events only
}

func logToJSON(l Log) logJSON {
	v := logJSON{
		Shard: l.Shard, Cursor: encodeCursor(l.Cursor), Index: l.Index, Topic: l.Topic, Source: l.Source,
		Tags: l.Tags, Time: l.Time, TimeNs: l.TimeNs, Contents: [][2]string{}, Received: l.Received,
		RequestID: l.RequestID, AccessKeyID: l.AccessKeyID, UserAgent: l.UserAgent, HashKey: l.HashKey,
	}
	if v.Tags == nil {
		v.Tags = map[string]string{}
	}
	for _, p := range l.Contents {
		v.Contents = append(v.Contents, [2]string{p.Key, p.Value})
	}
	return v
}

// serveLogs answers every stored log of ?project=P&logstore=L, shard by shard in the
// order of writing, as one JSON array.
func (s *Server) serveLogs(w http.ResponseWriter, r *http.Request) {
	project, logstore := r.URL.Query().Get("project"), r.URL.Query().Get("logstore")
	if s.Shards(project, logstore) == nil {
		sendError(w, http.StatusNotFound, fmt.Errorf("there is no logstore %q in project %q", logstore, project))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	before := "["
	for l := range s.EachLog(project, logstore) {
		line, err := json.Marshal(logToJSON(l))
		if err == nil {
			_, err = io.WriteString(w, before+string(line))
		}
		if err != nil {
			return // the client went away
		}
		before = ",\n"
	}
	if before == "[" {
		_, _ = io.WriteString(w, before)
	}
	_, _ = io.WriteString(w, "]\n")
}
