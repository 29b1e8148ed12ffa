package slsfake

import "fmt"

// MergeShards: POST /logstores/L/shards/S?action=merge
//
// Shard S and the read-write shard whose range begins where S's ends become
// read-only; a new shard with the next id takes both ranges. Answers the new
// shard and then the two old ones.
func (s *Server) mergeShards(r *request) (answer, *apiError) {
	s.mu.Lock()
	ls, sh, err := s.shardLocked(r)
	var list []shardJSON
	if err == nil {
		var merged, right *shard
		merged, right, err = s.mergeLocked(ls, sh)
		if err == nil {
			list = shardsJSON(merged, sh, right)
			s.keepLogstoreLocked(r.project, r.logstore)
		}
	}
	s.mu.Unlock()
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(list)
}

func (s *Server) mergeLocked(ls *logstore, sh *shard) (merged, right *shard, err *apiError) {
	if sh.readOnly {
		return nil, nil, fail(codeParameterInvalid, "shard %d is read-only", sh.id)
	}
	for _, other := range ls.shards {
		if !other.readOnly && other.begin == sh.end {
			right = other
		}
	}
	if right == nil {
		return nil, nil, fail(codeParameterInvalid, "shard %d has no right neighbour to merge with", sh.id)
	}
	merged = ls.newShard(sh.begin, right.end, s.nowLocked())
	merged.parents = []int{sh.id, right.id}
	s.inheritLocked(merged, sh, right)
	for _, old := range []*shard{sh, right} {
		old.readOnly = true
		old.children = []int{merged.id}
	}
	return merged, right, nil
}

// MergeShards merges a shard with its right neighbour. The error says why the
// service would refuse it.
func (s *Server) MergeShards(projectName, logstoreName string, shardID int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &request{project: projectName, route: route{logstore: logstoreName, shard: shardID}}
	ls, sh, err := s.shardLocked(r)
	if err == nil {
		_, _, err = s.mergeLocked(ls, sh)
		s.keepLogstoreLocked(projectName, logstoreName)
	}
	if err != nil {
		return fmt.Errorf("merge shard %d of %s/%s: %w", shardID, projectName, logstoreName, err)
	}
	return nil
}
