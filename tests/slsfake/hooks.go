package slsfake

import (
	"net/http"
	"sync"
	"time"
)

// Op names an operation of the service.
type Op string

// The operations. OpUnknown counts requests that are none of them; hooks do
// not see those.
const (
	OpPutLogs             Op = "PutLogs"
	OpPullLogs            Op = "PullLogs"
	OpGetCursor           Op = "GetCursor"
	OpGetCursorTime       Op = "GetCursorTime"
	OpListShards          Op = "ListShards"
	OpSplitShard          Op = "SplitShard"
	OpMergeShards         Op = "MergeShards"
	OpCreateProject       Op = "CreateProject"
	OpUpdateProject       Op = "UpdateProject"
	OpGetProject          Op = "GetProject"
	OpListProjects        Op = "ListProjects"
	OpDeleteProject       Op = "DeleteProject"
	OpCreateLogstore      Op = "CreateLogstore"
	OpUpdateLogstore      Op = "UpdateLogstore"
	OpGetLogstore         Op = "GetLogstore"
	OpListLogstores       Op = "ListLogstores"
	OpDeleteLogstore      Op = "DeleteLogstore"
	OpCreateIndex         Op = "CreateIndex"
	OpUpdateIndex         Op = "UpdateIndex"
	OpGetIndex            Op = "GetIndex"
	OpDeleteIndex         Op = "DeleteIndex"
	OpGetLogs             Op = "GetLogs"
	OpGetHistograms       Op = "GetHistograms"
	OpGetProjectLogs      Op = "GetProjectLogs"
	OpCreateConsumerGroup Op = "CreateConsumerGroup"
	OpUpdateConsumerGroup Op = "UpdateConsumerGroup"
	OpDeleteConsumerGroup Op = "DeleteConsumerGroup"
	OpListConsumerGroups  Op = "ListConsumerGroups"
	OpHeartbeat           Op = "Heartbeat"
	OpUpdateCheckpoint    Op = "UpdateCheckpoint"
	OpListCheckpoints     Op = "ListCheckpoints"
	OpUnknown             Op = "Unknown"
)

// operations are all of them but OpUnknown.
var operations = []Op{
	OpPutLogs, OpPullLogs, OpGetCursor, OpGetCursorTime, OpListShards, OpSplitShard, OpMergeShards,
	OpCreateProject, OpUpdateProject, OpGetProject, OpListProjects, OpDeleteProject, OpCreateLogstore,
	OpUpdateLogstore, OpGetLogstore, OpListLogstores, OpDeleteLogstore, OpCreateIndex, OpUpdateIndex,
	OpGetIndex, OpDeleteIndex, OpGetLogs, OpGetHistograms, OpGetProjectLogs, OpCreateConsumerGroup,
	OpUpdateConsumerGroup, OpDeleteConsumerGroup, OpListConsumerGroups, OpHeartbeat, OpUpdateCheckpoint, OpListCheckpoints,
}

// Call is one request as a hook sees it: authenticated, its route known, not
// yet carried out. A Call is valid only until the hook returns. What several
// hooks ask for adds up; of two that set the same thing the later wins.
type Call struct {
	Op          Op
	Project     string // of the host; of CreateProject the one to be
	Logstore    string // "" where the path names none
	Group       string // consumer group; "" where the path names none
	Consumer    string // of Heartbeat and UpdateCheckpoint
	Shard       int    // that the call names, or whose range holds HashKey now; -1 = none: load-balanced
	Cursor      string // of PullLogs, GetCursorTime and UpdateCheckpoint, as sent: DecodeCursor reads it
	HashKey     string // of PutLogs by key, as sent
	SequenceID  string // of PutLogs with a sequence number, as sent
	N           int    // how many calls of this Op came so far, whatever they name, this one included
	RequestID   string
	AccessKeyID string
	Method      string
	Header      http.Header // read only
	Body        []byte      // as sent, possibly compressed; read only

	plan plan
}

// plan is what hooks decided for one call.
type plan struct {
	answer         *answer
	instead        *answer // of what the call, carried out, would have answered
	recordSequence bool
	delay          time.Duration
	delayAfter     time.Duration
	closeBefore    bool
	closeAfter     bool
	truncate       bool
	truncateAt     int
	bytesPerSecond int
}

// Fail answers with an error of the service's form instead of carrying the
// call out.
func (c *Call) Fail(status int, code, msg string) {
	a := (&apiError{status: status, code: code, message: msg}).answer()
	c.plan.answer = &a
}

// FailHTML answers as a gateway in front of the service does: status and an
// HTML page, no code.
func (c *Call) FailHTML(status int) {
	h := http.Header{"Content-Type": {"text/html"}}
	c.Answer(status, h, []byte("<html><head><title>"+http.StatusText(status)+
		"</title></head><body><center><h1>"+http.StatusText(status)+"</h1></center></body></html>"))
}

// Answer answers with exactly this instead of carrying the call out. The
// slices and maps are not copied. Date, Content-Length and x-log-requestid
// are added where header has none.
func (c *Call) Answer(status int, header http.Header, body []byte) {
	c.plan.answer = &answer{status: status, header: header, body: body}
}

// FailAfter carries the call out, then answers with an error of the service's form
// whatever came of it: a 500 behind which the write is stored.
func (c *Call) FailAfter(status int, code, msg string) {
	a := (&apiError{status: status, code: code, message: msg}).answer()
	c.plan.instead = &a
}

// AnswerAfter carries the call out, then answers with exactly this, as Answer does.
func (c *Call) AnswerAfter(status int, header http.Header, body []byte) {
	c.plan.instead = &answer{status: status, header: header, body: body}
}

// RecordSequence records the sequence number of a PutLogs call that Fail, FailHTML or
// Answer keep from being carried out: the server has the number, but not the logs. With
// anything else it does nothing.
func (c *Call) RecordSequence() { c.plan.recordSequence = true }

// Delay holds the call back before it is carried out. If its client goes away
// meanwhile the call is never carried out; Close ends the wait the same way.
func (c *Call) Delay(d time.Duration) { c.plan.delay = d }

// DelayAfter holds the answer back after the call has been carried out: a
// client that times out cannot know that it was.
func (c *Call) DelayAfter(d time.Duration) { c.plan.delayAfter = d }

// CloseBefore resets the connection without carrying the call out.
func (c *Call) CloseBefore() { c.plan.closeBefore = true }

// CloseAfter carries the call out, then resets the connection without an
// answer.
func (c *Call) CloseAfter() { c.plan.closeAfter = true }

// Truncate sends the headers and the first n bytes of the answer's body, then
// resets the connection.
func (c *Call) Truncate(n int) { c.plan.truncate, c.plan.truncateAt = true, n }

// SlowBody sends the answer's body at this rate, 10 at the least, in steps of a
// tenth of a second. 0 or less is no limit.
func (c *Call) SlowBody(bytesPerSecond int) { c.plan.bytesPerSecond = bytesPerSecond }

// First returns a hook that calls fn for the first n calls it sees.
func First(n int, fn func(*Call)) func(*Call) {
	var mu sync.Mutex
	return func(c *Call) {
		mu.Lock()
		run := n > 0
		n--
		mu.Unlock()
		if run {
			fn(c)
		}
	}
}

type hook struct {
	op Op
	fn func(*Call)
}

type hookTable struct {
	mu    sync.Mutex // guards what follows; not held while a hook runs
	hooks []*hook    // replaced, never changed in place
	seen  map[Op]int
}

func (t *hookTable) init() { t.seen = map[Op]int{} }

// Hook calls fn for each call of op ("" = every operation) after
// authentication and before the operation, in the order of installation, on
// the request's goroutine: fn may run several times at once, and may block,
// which holds up that call alone (and Close, which waits for it). fn may use the
// server's methods except Close. remove takes the hook out again and may be called
// more than once; calls in progress may still run it.
func (s *Server) Hook(op Op, fn func(*Call)) (remove func()) {
	h := &hook{op: op, fn: fn}
	t := &s.hooks
	t.mu.Lock()
	t.hooks = append(t.hooks[:len(t.hooks):len(t.hooks)], h)
	t.mu.Unlock()
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		var kept []*hook
		for _, other := range t.hooks {
			if other != h {
				kept = append(kept, other)
			}
		}
		t.hooks = kept
	}
}

// run numbers the call and shows it to its hooks.
func (t *hookTable) run(r *request) plan {
	t.mu.Lock()
	t.seen[r.op]++
	n, hooks := t.seen[r.op], t.hooks
	t.mu.Unlock()
	var c *Call
	for _, h := range hooks {
		if h.op != "" && h.op != r.op {
			continue
		}
		if c == nil {
			c = r.call(n)
		}
		h.fn(c)
	}
	if c == nil {
		return plan{}
	}
	return c.plan
}
