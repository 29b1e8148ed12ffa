package slsfake

import (
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// route is what method, path and query of a request say it wants.
type route struct {
	op       Op
	logstore string
	shard    int // -1 = none
	group    string
	hashed   bool // PutLogs at /shards/route, which must have a key
	run      func(*Server, *request) (answer, *apiError)
}

// projectOf returns the project a Host header names: its first label. A bare
// address or localhost names none.
func projectOf(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if host == "localhost" || net.ParseIP(strings.Trim(host, "[]")) != nil {
		return ""
	}
	first, _, _ := strings.Cut(host, ".")
	return first
}

// parseRoute finds the operation; ok is false when there is none.
func parseRoute(method, path string, q url.Values) (rt route, ok bool) {
	rt.shard = -1
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	switch {
	case path == "/":
		ok = rt.onProject(method)
	case parts[0] != "logstores":
	case len(parts) == 1:
		ok = rt.onLogstores(method)
	case parts[1] == "":
	case len(parts) == 2:
		rt.logstore = parts[1]
		ok = rt.onLogstore(method)
	case parts[2] == "shards":
		rt.logstore = parts[1]
		ok = rt.onShards(method, parts[3:], q)
	case parts[2] == "consumergroups":
		rt.logstore = parts[1]
		ok = rt.onGroups(method, parts[3:], q)
	}
	return rt, ok
}

// set is the one place that ties an operation's name to its code.
func (rt *route) set(op Op, run func(*Server, *request) (answer, *apiError)) bool {
	rt.op, rt.run = op, run
	return true
}

func (rt *route) onProject(method string) bool {
	return method == http.MethodGet && rt.set(OpGetProject, (*Server).getProject)
}

func (rt *route) onLogstores(method string) bool {
	switch method {
	case http.MethodGet:
		return rt.set(OpListLogstores, (*Server).listLogstores)
	case http.MethodPost:
		return rt.set(OpCreateLogstore, (*Server).createLogstore)
	}
	return false
}

func (rt *route) onLogstore(method string) bool {
	switch method {
	case http.MethodPost:
		return rt.set(OpPutLogs, (*Server).putLogs)
	case http.MethodGet:
		return rt.set(OpGetLogstore, (*Server).getLogstore)
	case http.MethodPut:
		return rt.set(OpUpdateLogstore, (*Server).updateLogstore)
	case http.MethodDelete:
		return rt.set(OpDeleteLogstore, (*Server).deleteLogstore)
	}
	return false
}

func (rt *route) onShards(method string, rest []string, q url.Values) bool {
	if len(rest) == 0 {
		return method == http.MethodGet && rt.set(OpListShards, (*Server).listShards)
	}
	if len(rest) > 1 {
		return false
	}
	if method == http.MethodPost && (rest[0] == "lb" || rest[0] == "route") {
		rt.hashed = rest[0] == "route"
		return rt.set(OpPutLogs, (*Server).putLogs)
	}
	n, err := strconv.Atoi(rest[0])
	if err != nil || n < 0 {
		return false
	}
	rt.shard = n
	asked := q.Get("type") // of a read
	if method == http.MethodPost {
		asked = q.Get("action")
	}
	switch method + " " + asked {
	case "GET cursor":
		return rt.set(OpGetCursor, (*Server).getCursor)
	case "GET cursor_time":
		return rt.set(OpGetCursorTime, (*Server).getCursorTime)
	case "GET logs":
		return rt.set(OpPullLogs, (*Server).pullLogs)
	case "POST split":
		return rt.set(OpSplitShard, (*Server).splitShard)
	case "POST merge":
		return rt.set(OpMergeShards, (*Server).mergeShards)
	}
	return false
}

func (rt *route) onGroups(method string, rest []string, q url.Values) bool {
	if len(rest) == 0 {
		switch method {
		case http.MethodGet:
			return rt.set(OpListConsumerGroups, (*Server).listConsumerGroups)
		case http.MethodPost:
			return rt.set(OpCreateConsumerGroup, (*Server).createConsumerGroup)
		}
		return false
	}
	if len(rest) > 1 || rest[0] == "" {
		return false
	}
	rt.group = rest[0]
	switch method + " " + q.Get("type") {
	case "GET ":
		return rt.set(OpListCheckpoints, (*Server).listCheckpoints)
	case "PUT ":
		return rt.set(OpUpdateConsumerGroup, (*Server).updateConsumerGroup)
	case "DELETE ":
		return rt.set(OpDeleteConsumerGroup, (*Server).deleteConsumerGroup)
	case "POST heartbeat":
		return rt.set(OpHeartbeat, (*Server).heartbeat)
	case "POST checkpoint":
		return rt.set(OpUpdateCheckpoint, (*Server).updateCheckpoint)
	}
	return false
}
