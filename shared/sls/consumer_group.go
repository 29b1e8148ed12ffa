package sls

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// ConsumerGroup is a named set of consumers that share a logstore's shards.
type ConsumerGroup struct {
	Name    string
	Timeout time.Duration // a consumer silent for longer loses its shards; whole seconds on the wire, rounded up
	Order   bool          // children of a split are handed out after their parent is read
}

// maxGroupTimeout, in seconds, is the longest time-out of a group that is believed. A
// longer one may not fit a time.Duration.
const maxGroupTimeout = 24 * 60 * 60

func (g ConsumerGroup) seconds() int {
	return int((g.Timeout + time.Second - 1) / time.Second)
}

// Member is one consumer of a group.
type Member struct{ Group, Consumer string }

// Checkpoint is a group's position in one shard.
type Checkpoint struct {
	Shard      int
	Cursor     string    // "" = none yet
	Consumer   string    // who wrote it
	UpdateTime time.Time // zero = never
}

// group makes a request on one consumer group or, with an empty name, on all.
func (l Logstore) group(op, method, name string) request {
	r := request{
		op: op, project: l.Project, logstore: l.Name, needName: true,
		method: method, path: "/consumergroups",
	}
	if name != "" {
		r.path += "/" + url.PathEscape(name)
		r.detail = " group " + name
	}
	return r
}

// doGroup refuses a group name that cannot be part of a path, or sends r.
func (l Logstore) doGroup(ctx context.Context, name string, r *request) error {
	if err := checkPathName("consumer_group", name); err != nil {
		return &Error{Op: r.opText(), Class: ClassConfiguration, Mend: "consumer_group", Err: err}
	}
	return l.client.do(ctx, r)
}

// ListConsumerGroups lists the logstore's groups: GET /logstores/L/consumergroups.
func (l Logstore) ListConsumerGroups(ctx context.Context) ([]ConsumerGroup, error) {
	var wire list[struct {
		Name    string `json:"name"`
		Timeout int64  `json:"timeout"`
		Order   bool   `json:"order"`
	}]
	r := l.group("list consumer groups of", http.MethodGet, "")
	r.read = intoJSON(&wire)
	if err := l.client.do(ctx, &r); err != nil {
		return nil, err
	}
	groups := make([]ConsumerGroup, 0, len(wire))
	for _, w := range wire {
		timeout := time.Duration(min(max(w.Timeout, 0), maxGroupTimeout)) * time.Second
		groups = append(groups, ConsumerGroup{Name: w.Name, Timeout: timeout, Order: w.Order})
	}
	return groups, nil
}

// CreateConsumerGroup creates a group: POST /logstores/L/consumergroups. One
// that exists already is ClassConflict.
func (l Logstore) CreateConsumerGroup(ctx context.Context, g ConsumerGroup) error {
	r := l.group("create consumer group in", http.MethodPost, "")
	r.detail = " group " + g.Name
	r.setJSON(struct {
		Name    string `json:"consumerGroup"`
		Timeout int    `json:"timeout"`
		Order   bool   `json:"order"`
	}{g.Name, g.seconds(), g.Order})
	return l.doGroup(ctx, g.Name, &r)
}

// Heartbeat says that m is alive and which shards it holds, and returns those it
// is to hold from now on:
// POST /logstores/L/consumergroups/G?consumer=C&type=heartbeat.
//
// A shard that is not in the answer must be released. Until that is done it stays in
// held: the server gives it to another member only then. ClassLeaseLost: the server has
// forgotten m; begin again with no shards.
func (l Logstore) Heartbeat(ctx context.Context, m Member, held []int) ([]int, error) {
	shards := list[int]{}
	r := l.group("heartbeat in", http.MethodPost, m.Group)
	r.detail += " consumer " + m.Consumer
	r.query = escapeQuery("consumer", m.Consumer, "type", "heartbeat")
	if held == nil {
		held = []int{} // the server wants a list, not null
	}
	r.setJSON(held)
	r.read = func(a answer) error {
		if err := a.decodeJSON(&shards); err != nil {
			return err
		}
		if slices.ContainsFunc(shards, func(s int) bool { return s < 0 }) {
			return fmt.Errorf("%w: a negative shard", ErrBadAnswer)
		}
		return nil
	}
	if err := l.doGroup(ctx, m.Group, &r); err != nil {
		return nil, err
	}
	slices.Sort(shards)
	return slices.Compact(shards), nil // a shard given twice is one shard
}

// UpdateCheckpoint stores the group's position in a shard:
// POST /logstores/L/consumergroups/G?consumer=C&forceSuccess=false&type=checkpoint.
// The server refuses it from a member that does not hold the shard
// (ConsumerNotMatch, ClassLeaseLost).
func (l Logstore) UpdateCheckpoint(ctx context.Context, m Member, shard int, cursor string) error {
	return l.checkpoint(ctx, m, shard, cursor, "false")
}

// PlaceCheckpoint stores where the group is to begin in a shard that nobody has held yet:
// UpdateCheckpoint with forceSuccess=true, which the server takes from anybody. It would
// overwrite what an owner has written.
func (l Logstore) PlaceCheckpoint(ctx context.Context, m Member, shard int, cursor string) error {
	return l.checkpoint(ctx, m, shard, cursor, "true")
}

func (l Logstore) checkpoint(ctx context.Context, m Member, shard int, cursor, force string) error {
	r := l.group("update checkpoint in", http.MethodPost, m.Group)
	r.detail += " consumer " + m.Consumer + shardDetail(shard)
	r.query = escapeQuery("consumer", m.Consumer, "forceSuccess", force, "type", "checkpoint")
	r.setJSON(struct {
		Cursor string `json:"checkpoint"`
		Shard  int    `json:"shard"`
	}{cursor, shard})
	return l.doGroup(ctx, m.Group, &r)
}

// Checkpoints lists the group's positions, of all shards that have one:
// GET /logstores/L/consumergroups/G.
func (l Logstore) Checkpoints(ctx context.Context, group string) ([]Checkpoint, error) {
	var wire list[struct {
		Shard    *int   `json:"shard"`
		Cursor   string `json:"checkpoint"`
		Updated  int64  `json:"updateTime"` // microseconds
		Consumer string `json:"consumer"`
	}]
	points := []Checkpoint{}
	r := l.group("get checkpoints in", http.MethodGet, group)
	r.read = func(a answer) error {
		if err := a.decodeJSON(&wire); err != nil {
			return err
		}
		for _, w := range wire {
			if w.Shard == nil || *w.Shard < 0 {
				return fmt.Errorf("%w: a checkpoint without a shard", ErrBadAnswer)
			}
			p := Checkpoint{Shard: *w.Shard, Cursor: w.Cursor, Consumer: w.Consumer}
			if w.Updated > 0 {
				p.UpdateTime = time.UnixMicro(w.Updated)
			}
			points = append(points, p)
		}
		return nil
	}
	if err := l.doGroup(ctx, group, &r); err != nil {
		return nil, err
	}
	return points, nil
}
