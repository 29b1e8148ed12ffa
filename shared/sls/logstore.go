package sls

import (
	"context"
	"net/http"
	"strconv"
)

const (
	listPage = 500 // the server's largest page
	// maxLogstores ends a listing that would never end; accounts have a few hundred.
	maxLogstores = 100_000
	// maxPages does so when there is next to nothing on a page.
	maxPages = 1000
	// maxLogstoreName is far above what a name can have: what is longer is none.
	maxLogstoreName = 256
)

// Logstore is a handle on one logstore of one project; made by Client.Logstore.
type Logstore struct {
	Project string
	Name    string
	client  *Client
}

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
