package slsfake

// ListShards: GET /logstores/L/shards
//
// Answers all shards, read-only ones included, by id. Not implemented:
// read-only shards disappearing with their data's time to live.
func (s *Server) listShards(r *request) (answer, *apiError) {
	s.mu.Lock()
	ls, err := s.logstoreLocked(r.project, r.logstore)
	var list []shardJSON
	if err == nil {
		list = shardsJSON(ls.shards...)
	}
	s.mu.Unlock()
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(list)
}

// shardJSON is a shard as ListShards, split and merge describe it.
type shardJSON struct {
	ID         int    `json:"shardID"`
	Status     string `json:"status"`
	BeginKey   string `json:"inclusiveBeginKey"`
	EndKey     string `json:"exclusiveEndKey"`
	CreateTime int64  `json:"createTime"`
}

func shardsJSON(shards ...*shard) []shardJSON {
	out := make([]shardJSON, len(shards))
	for i, sh := range shards {
		out[i] = shardJSON{sh.id, "readwrite", sh.begin, sh.end, sh.created.Unix()}
		if sh.readOnly {
			out[i].Status = "readonly"
		}
	}
	return out
}
