package slsfake

import (
	"fmt"
	"sort"
	"time"
)

// TrimShard forgets the groups of a shard before number n, as the end of their
// time to live does: cursors to them are InvalidCursor from then on. n may be
// beyond the last group. The error says that there is no such shard.
func (s *Server) TrimShard(projectName, logstoreName string, shardID int, n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &request{project: projectName, route: route{logstore: logstoreName, shard: shardID}}
	_, sh, err := s.shardLocked(r)
	if err != nil {
		return fmt.Errorf("trim shard %d of %s/%s: %w", shardID, projectName, logstoreName, err)
	}
	sh.dropUntil(n)
	s.keepLogstoreLocked(projectName, logstoreName)
	return nil
}

// ExpireBefore forgets the groups of a logstore received before t (server's
// clock) and returns how many.
func (s *Server) ExpireBefore(projectName, logstoreName string, t time.Time) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	ls, err := s.logstoreLocked(projectName, logstoreName)
	if err != nil {
		return 0
	}
	dropped := 0
	for _, sh := range ls.shards {
		k := sort.Search(len(sh.groups), func(i int) bool { return sh.groups[i].received >= t.UnixNano() })
		dropped += sh.dropUntil(sh.base + int64(k))
	}
	s.keepLogstoreLocked(projectName, logstoreName)
	return dropped
}

// ExpireConsumer ends a consumer's membership at once, as its timeout would. It
// does nothing where there is no such consumer.
func (s *Server) ExpireConsumer(projectName, logstoreName, groupName, consumer string) {
	s.withGroup(projectName, logstoreName, groupName, func(g *consumerGroup) { g.remove(consumer) })
}
