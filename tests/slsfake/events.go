package slsfake

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Events come at most this often, and at least so often: leases end without a request.
const (
	eventPause = 200 * time.Millisecond
	eventBeat  = 2 * time.Second
)

// stateJSON is the event "state": all that the page shows, except logs and refusals.
type stateJSON struct {
	Projects    []projectJSON `json:"projects"`
	Faults      []SetFault    `json:"faults"`
	Requests    int           `json:"requests"`
	Logs        int64         `json:"logs"` // accepted
	Connections int           `json:"connections"`
	Data        string        `json:"data,omitempty"` // the error that keeping data met
}

type projectJSON struct {
	Name      string         `json:"name"`
	Logstores []logstoreJSON `json:"logstores"`
}

type logstoreJSON struct {
	Name   string          `json:"name"`
	Shards []shardViewJSON `json:"shards"`
	Groups []groupViewJSON `json:"groups"`
}

type shardViewJSON struct {
	ID       int    `json:"id"`
	ReadOnly bool   `json:"read_only"`
	Begin    string `json:"begin"` // of its range, inclusive
	End      string `json:"end"`   // exclusive, except ffff..ff
	Logs     int64  `json:"logs"`
	Bytes    int64  `json:"bytes"`
}

type groupViewJSON struct {
	Name    string            `json:"name"`
	Members int               `json:"members"`
	Shards  []positioningJSON `json:"shards"`
}

// positioningJSON is where a consumer group stands in a shard.
type positioningJSON struct {
	Shard    int    `json:"shard"`
	Consumer string `json:"consumer"` // who holds it; "" = nobody
	Position bool   `json:"position"` // there is a checkpoint
	Lag      int64  `json:"lag"`      // log groups behind the checkpoint, or all without one
	LagLogs  int64  `json:"lag_logs"` // the logs in them
}

// state is the server as it is now.
func (s *Server) state() stateJSON {
	st := s.Stats()
	total := st.Total()
	v := stateJSON{
		Projects: []projectJSON{}, Faults: s.Faults(),
		Requests: total.Requests, Logs: total.Logs, Connections: st.OpenConnections,
	}
	if err := s.DataErr(); err != nil {
		v.Data = err.Error()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, name := range slices.Sorted(maps.Keys(s.projects)) {
		p := projectJSON{Name: name, Logstores: []logstoreJSON{}}
		logstores := s.projects[name].logstores
		for _, name := range slices.Sorted(maps.Keys(logstores)) {
			p.Logstores = append(p.Logstores, logstores[name].view(name, now))
		}
		v.Projects = append(v.Projects, p)
	}
	return v
}

func (ls *logstore) view(name string, now time.Time) logstoreJSON {
	v := logstoreJSON{Name: name, Shards: []shardViewJSON{}, Groups: []groupViewJSON{}}
	for _, sh := range ls.shards {
		v.Shards = append(v.Shards, shardViewJSON{
			ID: sh.id, ReadOnly: sh.readOnly, Begin: sh.begin, End: sh.end, Logs: sh.logs, Bytes: sh.bytes,
		})
	}
	for _, name := range slices.Sorted(maps.Keys(ls.groups)) {
		g := ls.groups[name]
		g.expire(now)
		gv := groupViewJSON{Name: name, Members: len(g.members), Shards: []positioningJSON{}}
		for _, sh := range ls.shards {
			gv.Shards = append(gv.Shards, g.position(sh))
		}
		v.Groups = append(v.Groups, gv)
	}
	return v
}

func (g *consumerGroup) position(sh *shard) positioningJSON {
	v := positioningJSON{Shard: sh.id}
	if l := g.leases[sh.id]; l != nil {
		v.Consumer = l.owner
	}
	from := sh.base
	if cp := g.checkpoints[sh.id]; cp != nil {
		v.Position, from = true, min(max(cp.Number, sh.base), sh.endNumber())
	}
	for _, waiting := range sh.groups[from-sh.base:] {
		v.LagLogs += int64(waiting.logs)
	}
	v.Lag = sh.endNumber() - from
	return v
}

// serveEvents sends "state" whenever something has changed, "logs" with the logs that
// came since, and "refused" with the requests that failed since, until the client goes
// away or the server closes.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	var seenLogs, seenRefusals uint64
	pause, beat := time.NewTicker(eventPause), time.NewTicker(eventBeat)
	defer pause.Stop()
	defer beat.Stop()
	for {
		changed := s.stats.changes() // before looking: what comes in between is not missed
		var groups []latestGroup
		var refused []refusal
		s.mu.Lock()
		groups, seenLogs = s.latest.after(seenLogs)
		s.mu.Unlock()
		refused, seenRefusals = s.refusals.after(seenRefusals)
		err := sendEvent(w, "state", s.state())
		if logs := latestLogs(groups); err == nil && len(logs) > 0 {
			err = sendEvent(w, "logs", logs)
		}
		if err == nil && len(refused) > 0 {
			err = sendEvent(w, "refused", refused)
		}
		if err != nil || out.Flush() != nil {
			return
		}
		select { // not more often than this
		case <-pause.C:
		case <-r.Context().Done():
			return
		}
		select {
		case <-changed:
		case <-beat.C:
		case <-r.Context().Done():
			return
		}
	}
}

// latestLogs are the newest logs of groups, recentKept at most, oldest first.
func latestLogs(groups []latestGroup) []logJSON {
	var out []logJSON
	for _, g := range slices.Backward(groups) {
		var logs []logJSON
		for l := range g.logs {
			v := logToJSON(l)
			v.Project, v.Logstore = g.project, g.logstore
			logs = append(logs, v)
		}
		out = append(logs, out...)
		if len(out) >= recentKept {
			return out[len(out)-recentKept:]
		}
	}
	return out
}

func sendEvent(w http.ResponseWriter, name string, v any) error {
	data, err := json.Marshal(v)
	if err == nil {
		_, err = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", name, data)
	}
	return err
}
