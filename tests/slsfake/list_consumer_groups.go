package slsfake

import (
	"maps"
	"slices"
	"time"
)

// ListConsumerGroups: GET /logstores/L/consumergroups
//
// Answers all groups by name, as {"name", "timeout", "order"}: "name", not
// "consumerGroup". There is no paging.
func (s *Server) listConsumerGroups(r *request) (answer, *apiError) {
	type groupJSON struct {
		Name    string `json:"name"`
		Timeout int    `json:"timeout"`
		Order   bool   `json:"order"`
	}
	list := []groupJSON{}
	s.mu.Lock()
	ls, err := s.logstoreLocked(r.project, r.logstore)
	if err == nil {
		for _, name := range slices.Sorted(maps.Keys(ls.groups)) {
			g := ls.groups[name]
			list = append(list, groupJSON{name, int(g.timeout / time.Second), g.order})
		}
	}
	s.mu.Unlock()
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(list)
}
