package slsfake

import (
	"maps"
	"sync"
)

// traffic counts what a call moved.
type traffic struct {
	raw, groups, logs int
}

// Stats is what a server did so far.
type Stats struct {
	Ops             map[Op]OpStats
	Connections     int // accepted so far
	OpenConnections int
}

// OpStats counts the requests of one operation.
type OpStats struct {
	Requests int            // all, those refused or reset included
	ByStatus map[int]int    // answers by HTTP status
	ByCode   map[string]int // errors by code
	Aborted  int            // ended without a complete answer
	WireIn   int64          // body bytes as received
	WireOut  int64          // body bytes as answered
	RawIn    int64          // uncompressed bytes of accepted groups
	RawOut   int64          // uncompressed bytes of pulled groups
	Groups   int64          // accepted or pulled
	Logs     int64          // accepted (pulled logs are not counted)
}

type statsTable struct {
	mu   sync.Mutex // guards what follows
	ops  map[Op]*OpStats
	made int
	open int
	next chan struct{} // closed by the next record
}

func (t *statsTable) init() {
	t.ops = map[Op]*OpStats{}
	t.next = make(chan struct{})
}

// changes is closed when the next request has been recorded.
func (t *statsTable) changes() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.next
}

// changed lets those who wait for a change look again.
func (t *statsTable) changed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changedLocked()
}

func (t *statsTable) changedLocked() {
	close(t.next)
	t.next = make(chan struct{})
}

func (t *statsTable) connection(d int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open += d
	t.made += max(0, d)
}

func (t *statsTable) record(r *request, a answer, aborted bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changedLocked()
	o := t.ops[r.op]
	if o == nil {
		o = &OpStats{ByStatus: map[int]int{}, ByCode: map[string]int{}}
		t.ops[r.op] = o
	}
	o.Requests++
	o.WireIn += int64(len(r.body))
	o.RawIn += int64(r.in.raw)
	o.Logs += int64(r.in.logs)
	o.Groups += int64(r.in.groups + a.out.groups)
	if aborted {
		o.Aborted++
		return
	}
	o.ByStatus[a.status]++
	if a.code != "" {
		o.ByCode[a.code]++
	}
	o.WireOut += int64(len(a.body))
	o.RawOut += int64(a.out.raw)
}

// Stats returns a copy of the counters.
func (s *Server) Stats() Stats {
	t := &s.stats
	t.mu.Lock()
	defer t.mu.Unlock()
	out := Stats{Ops: make(map[Op]OpStats, len(t.ops)), Connections: t.made, OpenConnections: t.open}
	for op, o := range t.ops {
		c := *o
		c.ByStatus, c.ByCode = maps.Clone(o.ByStatus), maps.Clone(o.ByCode)
		out.Ops[op] = c
	}
	return out
}

// Total adds up all operations.
func (s Stats) Total() OpStats {
	t := OpStats{ByStatus: map[int]int{}, ByCode: map[string]int{}}
	for _, o := range s.Ops {
		t.Requests += o.Requests
		t.Aborted += o.Aborted
		t.WireIn += o.WireIn
		t.WireOut += o.WireOut
		t.RawIn += o.RawIn
		t.RawOut += o.RawOut
		t.Groups += o.Groups
		t.Logs += o.Logs
		for k, n := range o.ByStatus {
			t.ByStatus[k] += n
		}
		for k, n := range o.ByCode {
			t.ByCode[k] += n
		}
	}
	return t
}
