package slsfake

import (
	"fmt"
	"strconv"
)

// SplitShard: POST /logstores/L/shards/S?action=split[&key=K][&shardCount=N]
//
// The shard becomes read-only, its range goes to new shards with the next
// ids: cut at key (32 hex digits inside the range), or into shardCount equal
// parts (default 2). Answers the old shard and then the new ones.
//
// Not implemented: a limit on the number of shards.
func (s *Server) splitShard(r *request) (answer, *apiError) {
	parts := 2
	if v := r.query.Get("shardCount"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 2 || n > 256 {
			return answer{}, fail(codeParameterInvalid, "shardCount %q is not within 2..256", v)
		}
		parts = n
	}
	s.mu.Lock()
	ls, sh, err := s.shardLocked(r)
	var list []shardJSON
	if err == nil {
		var made []*shard
		made, err = s.splitLocked(ls, sh, r.query.Get("key"), parts)
		list = shardsJSON(append([]*shard{sh}, made...)...)
		s.keepLogstoreLocked(r.project, r.logstore)
	}
	s.mu.Unlock()
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(list)
}

func (s *Server) splitLocked(ls *logstore, sh *shard, key string, parts int) ([]*shard, *apiError) {
	if sh.readOnly {
		return nil, fail(codeParameterInvalid, "shard %d is read-only", sh.id)
	}
	cuts := []string{sh.begin}
	if key != "" {
		k, ok := parseKey(key)
		if !ok || k <= sh.begin || k >= sh.end {
			return nil, fail(codeParameterInvalid, "key %q is not inside (%s, %s)", key, sh.begin, sh.end)
		}
		cuts = append(cuts, k)
	} else {
		for i := 1; i < parts; i++ {
			k := keyAt(sh.begin, sh.end, i, parts)
			if k <= cuts[len(cuts)-1] || k >= sh.end {
				return nil, fail(codeParameterInvalid, "the range of shard %d is too small", sh.id)
			}
			cuts = append(cuts, k)
		}
	}
	cuts = append(cuts, sh.end)
	var made []*shard
	for i := range len(cuts) - 1 {
		child := ls.newShard(cuts[i], cuts[i+1], s.nowLocked())
		child.parents = []int{sh.id}
		s.inheritLocked(child, sh)
		sh.children = append(sh.children, child.id)
		made = append(made, child)
	}
	sh.readOnly = true
	return made, nil
}

// SplitShard splits a shard at key (32 hex digits), or in the middle when key
// is "". The error says why the service would refuse it.
func (s *Server) SplitShard(projectName, logstoreName string, shardID int, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &request{project: projectName, route: route{logstore: logstoreName, shard: shardID}}
	ls, sh, err := s.shardLocked(r)
	if err == nil {
		_, err = s.splitLocked(ls, sh, key, 2)
		s.keepLogstoreLocked(projectName, logstoreName)
	}
	if err != nil { // not returned as it is: a nil *apiError is no nil error
		return fmt.Errorf("split shard %d of %s/%s: %w", shardID, projectName, logstoreName, err)
	}
	return nil
}
