package slsfake

import (
	"encoding/json"
	"maps"
	"strconv"
)

// GetIndex: GET /logstores/L/index
//
// Answers the index as it was set, and index_mode, lastModifyTime, and ttl: that
// of the logstore, whatever the index said.
func (s *Server) getIndex(r *request) (answer, *apiError) {
	s.mu.Lock()
	ls, ix, err := s.indexLocked(r)
	ttl := 0
	if err == nil {
		ttl = ls.info.TTL
	}
	s.mu.Unlock()
	if err != nil {
		return answer{}, err
	}
	info := maps.Clone(ix.raw)
	info["ttl"] = json.RawMessage(strconv.Itoa(ttl))
	info["index_mode"] = json.RawMessage(`"v2"`)
	info["lastModifyTime"] = json.RawMessage(strconv.FormatInt(ix.modified, 10))
	return jsonAnswer(info)
}
