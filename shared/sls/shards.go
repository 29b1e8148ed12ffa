package sls

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// Shard is one shard of a logstore.
type Shard struct {
	ID         int
	ReadOnly   bool   // split or merged: no new data comes
	BeginKey   string // hash range, 32 hex digits, inclusive
	EndKey     string // exclusive; the last shard's ffff... is inclusive
	CreateTime int64  // unix seconds; a shard made by a split or merge has that moment
}

type wireShard struct {
	ID         *int   `json:"shardID"`
	Status     string `json:"status"`
	BeginKey   string `json:"inclusiveBeginKey"`
	EndKey     string `json:"exclusiveEndKey"`
	CreateTime int64  `json:"createTime"`
}

// ListShards lists all shards, read-only ones included, until their data has
// expired: GET /logstores/L/shards.
func (l Logstore) ListShards(ctx context.Context) ([]Shard, error) {
	var wire list[wireShard]
	shards := []Shard{}
	r := l.get("list shards of", "/shards", "", nil)
	r.read = func(a answer) error {
		if err := a.decodeJSON(&wire); err != nil {
			return err
		}
		for _, w := range wire {
			if w.ID == nil || *w.ID < 0 {
				return fmt.Errorf("%w: a shard without an id", ErrBadAnswer)
			}
			shards = append(shards, Shard{
				ID: *w.ID, ReadOnly: strings.EqualFold(w.Status, "readonly"),
				BeginKey: w.BeginKey, EndKey: w.EndKey, CreateTime: w.CreateTime,
			})
		}
		return nil
	}
	if err := l.client.do(ctx, &r); err != nil {
		return nil, err
	}
	return shards, nil
}

// get makes a GET request on the logstore.
func (l Logstore) get(op, path, query string, read func(answer) error) request {
	return request{
		op: op, project: l.Project, logstore: l.Name, needName: true,
		method: http.MethodGet, path: path, query: query, read: read,
	}
}
