package slsfake

import "time"

// ListCheckpoints (the SDK's GetCheckpoint): GET /logstores/L/consumergroups/G
//
// Answers every shard that has a checkpoint or an owner, by id; without a
// checkpoint it is "" and updateTime 0, and consumer is the owner. updateTime
// is in microseconds.
func (s *Server) listCheckpoints(r *request) (answer, *apiError) {
	type checkpointJSON struct {
		Shard      int    `json:"shard"`
		Checkpoint string `json:"checkpoint"`
		UpdateTime int64  `json:"updateTime"`
		Consumer   string `json:"consumer"`
	}
	list := []checkpointJSON{}
	s.mu.Lock()
	ls, g, err := s.groupLocked(r)
	if err == nil {
		g.expire(time.Now())
		for id := range ls.shards {
			if cp := g.checkpoints[id]; cp != nil {
				list = append(list, checkpointJSON{id, cp.Cursor, cp.UpdateTime.UnixMicro(), cp.Consumer})
			} else if l := g.leases[id]; l != nil {
				list = append(list, checkpointJSON{Shard: id, Consumer: l.owner})
			}
		}
	}
	s.mu.Unlock()
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(list)
}
