package slsfake

import (
	"encoding/json"
	"sync"
	"time"
)

// recentKept is how many groups, and how many refused requests, the page can show.
const recentKept = 100

// recent holds the last recentKept things, numbered from 1. The zero value is empty.
type recent[T any] struct {
	items []T
	last  uint64 // number of the newest
}

func (r *recent[T]) add(v T) {
	if len(r.items) == 2*recentKept {
		r.items = append(r.items[:0:0], r.items[recentKept:]...)
	}
	r.items = append(r.items, v)
	r.last++
}

// after returns those with higher numbers than n, and the number of the newest.
func (r *recent[T]) after(n uint64) ([]T, uint64) {
	count := int(min(r.last-min(n, r.last), recentKept, uint64(len(r.items))))
	return append([]T(nil), r.items[len(r.items)-count:]...), r.last
}

// latestGroup is a log group as it came.
type latestGroup struct {
	project, logstore string
	shard             int
	number            int64
	group             group
}

// logs decodes the group.
func (g latestGroup) logs(yield func(Log) bool) {
	w := g.group.writer
	decodeGroup(g.group.data, Log{
		Shard: g.shard, Cursor: g.number, Received: time.Unix(0, g.group.received),
		RequestID: w.requestID, AccessKeyID: w.accessKeyID, UserAgent: w.userAgent, HashKey: w.hashKey,
	}, yield)
}

// refusal is a request that did not succeed, as the page shows it.
type refusal struct {
	Time      time.Time `json:"time"` // server's clock
	Op        Op        `json:"op"`
	Project   string    `json:"project"`
	Logstore  string    `json:"logstore"`
	Status    int       `json:"status"` // 0 = the connection was reset before a whole answer
	Code      string    `json:"code"`
	Message   string    `json:"message"`
	RequestID string    `json:"request_id"`
}

type refusalTable struct {
	mu   sync.Mutex // guards list
	list recent[refusal]
}

// note keeps a request if it was refused or cut off.
func (t *refusalTable) note(r *request, a answer, aborted bool, now time.Time) {
	if !aborted && a.status == 200 {
		return
	}
	v := refusal{
		Time: now, Op: r.op, Project: r.project, Logstore: r.logstore,
		Status: a.status, Code: a.code, RequestID: r.id,
	}
	var body struct {
		Message string `json:"errorMessage"`
	}
	switch {
	case aborted:
		v.Status, v.Message = 0, "reset before the whole answer"
	case json.Unmarshal(a.body, &body) == nil && body.Message != "":
		v.Message = body.Message
	default:
		v.Message = string(clip(a.body))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list.add(v)
}

func (t *refusalTable) after(n uint64) ([]refusal, uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.list.after(n)
}
