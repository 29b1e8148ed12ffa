package slsfake

import (
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// route is what method, path and query of a request say it wants.
type route struct {
	op       Op
	logstore string
	shard    int // -1 = none
	group    string
	hashed   bool // PutLogs at /shards/route, which may have a key
	balanced bool // PutLogs at /shards/lb
	run      func(*Server, *request) (answer, *apiError)
	params   []string // of the query string, that op knows
	anyHost  bool     // op needs no project in the Host header
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

// parseRoute finds the operation; ok is false when there is none. project is
// what the Host header names.
func parseRoute(method, project, path string, q url.Values) (rt route, ok bool) {
	rt.shard = -1
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	switch {
	case path == "/":
		ok = rt.onRoot(method, project, q)
	case path == "/logs":
		ok = method == http.MethodGet && rt.set(OpGetProjectLogs, (*Server).getProjectLogs, "query", "powerSql")
	case parts[0] != "logstores":
	case len(parts) == 1:
		ok = rt.onLogstores(method)
	case parts[1] == "":
	case len(parts) == 2:
		rt.logstore = parts[1]
		ok = rt.onLogstore(method, q)
	case parts[2] == "shards":
		rt.logstore = parts[1]
		ok = rt.onShards(method, parts[3:], q)
	case parts[2] == "index" && len(parts) == 3:
		rt.logstore = parts[1]
		ok = rt.onIndex(method)
	case parts[2] == "logs" && len(parts) == 3:
		rt.logstore = parts[1]
		ok = method == http.MethodPost && rt.set(OpGetLogs, (*Server).getLogsV3)
	case parts[2] == "consumergroups":
		rt.logstore = parts[1]
		ok = rt.onGroups(method, parts[3:], q)
	}
	return rt, ok
}

// set is the one place that ties an operation's name to its code and to the
// parameters it knows. Any other parameter is refused: better than ignored.
func (rt *route) set(op Op, run func(*Server, *request) (answer, *apiError), params ...string) bool {
	rt.op, rt.run, rt.params = op, run, params
	return true
}

// checkParams refuses what the operation does not know, and what is given twice.
func (rt *route) checkParams(q url.Values) *apiError {
	for _, name := range slices.Sorted(maps.Keys(q)) {
		if !slices.Contains(rt.params, name) {
			return unsupported("parameter " + name + " of " + string(rt.op))
		}
		if len(q[name]) > 1 {
			return fail(codeParameterInvalid, "parameter %s is given %d times", name, len(q[name]))
		}
	}
	return nil
}

// unsupported is fail for what the emulator does not know.
func unsupported(what string) *apiError {
	return fail(codeNotSupported, "the emulator does not implement %s", what).withStatus(http.StatusBadRequest)
}

// listProjectsParams tell ListProjects from GetProject where the Host header
// names a project or may name one: clients of either are reached by any name.
var listProjectsParams = []string{"offset", "size", "projectName", "description", "resourceGroupId", "fetchQuota"}

func (rt *route) onRoot(method, project string, q url.Values) bool {
	switch method {
	case http.MethodGet:
		for _, name := range listProjectsParams {
			if q.Has(name) {
				project = ""
			}
		}
		if project == "" {
			rt.anyHost = true
			return rt.set(OpListProjects, (*Server).listProjects, listProjectsParams...)
		}
		return rt.set(OpGetProject, (*Server).getProject)
	case http.MethodPost:
		rt.anyHost = true
		return rt.set(OpCreateProject, (*Server).createProject)
	case http.MethodPut:
		return rt.set(OpUpdateProject, (*Server).updateProject)
	case http.MethodDelete:
		return rt.set(OpDeleteProject, (*Server).deleteProject)
	}
	return false
}

func (rt *route) onLogstores(method string) bool {
	switch method {
	case http.MethodGet:
		return rt.set(OpListLogstores, (*Server).listLogstores, "offset", "size", "logstoreName", "telemetryType", "mode")
	case http.MethodPost:
		return rt.set(OpCreateLogstore, (*Server).createLogstore)
	}
	return false
}

func (rt *route) onLogstore(method string, q url.Values) bool {
	switch method + " " + q.Get("type") {
	case "POST ":
		return rt.set(OpPutLogs, (*Server).putLogs, "processor")
	case "GET ":
		return rt.set(OpGetLogstore, (*Server).getLogstore)
	case "GET log":
		return rt.set(OpGetLogs, (*Server).getLogs, getLogsParams...)
	case "GET histogram":
		return rt.set(OpGetHistograms, (*Server).getHistograms,
			"type", "from", "to", "topic", "query", "fromNs", "toNs", "accurate", "reverse", "interval")
	case "PUT ":
		return rt.set(OpUpdateLogstore, (*Server).updateLogstore)
	case "DELETE ":
		return rt.set(OpDeleteLogstore, (*Server).deleteLogstore)
	}
	return false
}

func (rt *route) onIndex(method string) bool {
	switch method {
	case http.MethodPost:
		return rt.set(OpCreateIndex, (*Server).createIndex)
	case http.MethodGet:
		return rt.set(OpGetIndex, (*Server).getIndex)
	case http.MethodPut:
		return rt.set(OpUpdateIndex, (*Server).updateIndex)
	case http.MethodDelete:
		return rt.set(OpDeleteIndex, (*Server).deleteIndex)
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
		rt.hashed, rt.balanced = rest[0] == "route", rest[0] == "lb"
		if rt.hashed {
			return rt.set(OpPutLogs, (*Server).putLogs, "key", "processor", "seqid")
		}
		return rt.set(OpPutLogs, (*Server).putLogs, "processor")
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
		return rt.set(OpGetCursor, (*Server).getCursor, "type", "from")
	case "GET cursor_time":
		return rt.set(OpGetCursorTime, (*Server).getCursorTime, "type", "cursor")
	case "GET logs", "GET log": // the Go SDK sends the one, the Java and Python SDKs the other
		return rt.set(OpPullLogs, (*Server).pullLogs, "type", "cursor", "count", "end_cursor")
	case "POST split":
		return rt.set(OpSplitShard, (*Server).splitShard, "action", "key", "shardCount")
	case "POST merge":
		return rt.set(OpMergeShards, (*Server).mergeShards, "action")
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
		return rt.set(OpListCheckpoints, (*Server).listCheckpoints, "shard")
	case "PUT ":
		return rt.set(OpUpdateConsumerGroup, (*Server).updateConsumerGroup)
	case "DELETE ":
		return rt.set(OpDeleteConsumerGroup, (*Server).deleteConsumerGroup)
	case "POST heartbeat":
		return rt.set(OpHeartbeat, (*Server).heartbeat, "type", "consumer")
	case "POST checkpoint":
		return rt.set(OpUpdateCheckpoint, (*Server).updateCheckpoint, "type", "consumer", "forceSuccess")
	}
	return false
}
