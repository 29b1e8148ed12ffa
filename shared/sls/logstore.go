package sls

import (
	"context"
	"net/http"
	"strconv"
)

// LogstoreInfo is a logstore's definition. Zero fields are left to the server
// when creating.
type LogstoreInfo struct {
	Name           string `json:"logstoreName"`
	TTL            int    `json:"ttl"` // days
	ShardCount     int    `json:"shardCount"`
	AutoSplit      bool   `json:"autoSplit"`
	MaxSplitShard  int    `json:"maxSplitShard"`
	WebTracking    bool   `json:"enable_tracking"`
	AppendMeta     bool   `json:"appendMeta"`
	HotTTL         int    `json:"hot_ttl,omitempty"` // days
	Mode           string `json:"mode,omitempty"`    // "standard" or "query"
	TelemetryType  string `json:"telemetryType"`
	CreateTime     int64  `json:"createTime,omitempty"`     // unix seconds; set by the server
	LastModifyTime int64  `json:"lastModifyTime,omitempty"` // unix seconds; set by the server
}

// Get reads the logstore's definition: GET /logstores/L. One that does not exist
// is IsCode(err, "LogStoreNotExist"), ClassConfiguration.
func (l Logstore) Get(ctx context.Context) (LogstoreInfo, error) {
	var info LogstoreInfo
	r := l.get("get logstore", "", "", intoJSON(&info))
	if err := l.client.do(ctx, &r); err != nil {
		return LogstoreInfo{}, err
	}
	return info, nil
}

const (
	listPage = 500 // the server's largest page
	// maxLogstores ends a listing that would never end; accounts have a few hundred.
	maxLogstores = 100_000
	// maxPages does so when there is next to nothing on a page.
	maxPages = 1000
	// maxLogstoreName is far above what a name can have: what is longer is none.
	maxLogstoreName = 256
)

// ListLogstores lists the names of a project's logstores, through all pages:
// GET /logstores?offset=N&size=500. What is created or deleted meanwhile may be
// missing; no name comes twice.
func (c *Client) ListLogstores(ctx context.Context, project string) ([]string, error) {
	names := []string{}
	seen := make(map[string]bool)
	for offset, pages := 0, 0; offset < maxLogstores && pages < maxPages; pages++ {
		var page struct {
			Total     int      `json:"total"`
			Logstores []string `json:"logstores"`
		}
		r := request{
			op: "list logstores of", project: project,
			method: http.MethodGet, path: "/logstores",
			query: escapeQuery("offset", strconv.Itoa(offset), "size", strconv.Itoa(listPage)),
			read:  intoJSON(&page),
		}
		if err := c.do(ctx, &r); err != nil {
			return nil, err
		}
		before := len(names)
		for _, name := range page.Logstores {
			if !seen[name] && len(name) <= maxLogstoreName && len(names) < maxLogstores {
				seen[name] = true
				names = append(names, name)
			}
		}
		offset += len(page.Logstores)
		// A short page is no end: the server may give less than was asked for. A
		// page of nothing new is: some servers ignore the offset.
		if len(names) == before || page.Total > 0 && offset >= page.Total {
			break
		}
	}
	return names, nil
}
