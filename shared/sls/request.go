package sls

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

const (
	typeProtobuf = "application/x-protobuf"
	typeJSON     = "application/json"
)

// request is one API call on its way: everything that is the same for each time
// it is signed and sent.
type request struct {
	op       string // "put logs to"
	project  string
	logstore string // "" = the call concerns the project
	detail   string // appended to op and names: " shard 3"
	needName bool   // the logstore must be a valid name

	method      string
	path        string // below the logstore, escaped: "/shards/3"; or the whole path without a logstore
	query       string // escaped
	contentType string
	body        []byte // nil = none
	rawSize     int    // x-log-bodyrawsize
	compress    Codec
	mode        string // x-log-mode; "" = not sent
	accept      Codec  // Accept-Encoding of a pull

	// read reads a 200; nil = its body is of no interest. It runs at most once.
	read func(answer) error
}

// opText names the call in errors. Names may come from records: they are made
// fit for a log line.
func (r *request) opText() string {
	s := r.op + " " + r.project
	if r.logstore != "" {
		s += "/" + r.logstore
	}
	return shorten(s+r.detail, maxMessage)
}

// changes reports whether the call changes anything on the server.
func (r *request) changes() bool { return r.method != http.MethodGet }

// check refuses names that cannot be sent.
func (r *request) check(c *Client) error {
	err := checkProject(r.project)
	mend := "project"
	switch {
	case c == nil:
		err, mend = errors.New("a Logstore not made by Client.Logstore"), ""
	case err == nil && r.needName:
		err, mend = checkPathName("logstore", r.logstore), "logstore"
	}
	if err != nil {
		return &Error{Op: r.opText(), Class: ClassConfiguration, Mend: mend, Err: err}
	}
	return nil
}

// checkPathName refuses names that cannot be one segment of a path; anything
// else is escaped and left to the server to judge.
func checkPathName(what, name string) error {
	switch {
	case name == "", name == ".", name == "..":
		return fmt.Errorf("%s %q: not a name", what, name)
	case len(name) > 1024:
		return fmt.Errorf("%s %q: too long", what, shorten(name, 80))
	}
	return nil
}

// fullPath is the escaped path as it is sent and signed.
func (r *request) fullPath() string {
	if r.logstore == "" {
		return r.path
	}
	return "/logstores/" + url.PathEscape(r.logstore) + r.path
}

// setJSON gives the request a JSON body. The SDK says 0 for the raw size of all
// consumer group calls, and so do we.
func (r *request) setJSON(v any) {
	r.contentType, r.body = typeJSON, jsonBody(v)
}

// jsonBody encodes a request body made of plain structs and lists, which cannot
// fail.
func jsonBody(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("null")
	}
	return b
}
