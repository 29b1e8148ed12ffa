package slsfake

import (
	"math"
	"time"
)

// ListCheckpoints (the SDK's GetCheckpoint): GET /logstores/L/consumergroups/G[?shard=S]
//
// Answers every shard that has a checkpoint or an owner, by id; without a checkpoint it is
// "" and updateTime 0, and consumer is the owner. updateTime is in microseconds. With shard
// it answers that shard alone: the Java and Python consumers send it and take the answer's
// first element; the list is empty when it has neither, or does not exist.
func (s *Server) listCheckpoints(r *request) (answer, *apiError) {
	type checkpointJSON struct {
		Shard      int    `json:"shard"`
		Checkpoint string `json:"checkpoint"`
		UpdateTime int64  `json:"updateTime"`
		Consumer   string `json:"consumer"`
	}
	only, err := intParam(r, "shard", -1, 0, math.MaxInt32)
	if err != nil {
		return answer{}, err
	}
	list := []checkpointJSON{}
	s.mu.Lock()
	ls, g, err := s.groupLocked(r)
	if err == nil {
		g.expire(time.Now())
		for id := range ls.shards {
			if only >= 0 && id != only {
				continue
			}
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
