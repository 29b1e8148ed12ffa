package slsfake

import "fmt"

// Append stores a group as PutLogs does, without a request: data is one encoded
// LogGroup, which the server owns from now on, hashKey 32 hex digits or "" for the
// shards in turn. It returns the shard that took it and the group's number there.
// No hook sees it, no quota holds it up, and it is not counted in Stats.
func (s *Server) Append(projectName, logstoreName, hashKey string, data []byte) (shard int, number int64, err error) {
	shard, number, refused := s.appendGroup(projectName, logstoreName, hashKey, data)
	if refused != nil { // not returned as it is: a nil *apiError is no nil error
		return 0, 0, fmt.Errorf("append to %s/%s: %w", projectName, logstoreName, refused)
	}
	return shard, number, nil
}

func (s *Server) appendGroup(projectName, logstoreName, hashKey string, data []byte) (int, int64, *apiError) {
	key, _ := parseKey(hashKey)
	facts, err := verifyGroup(data, groupLimits{maxLogs: s.cfg.MaxLogs, maxLogSize: s.cfg.MaxLogSize})
	if err != nil {
		return 0, 0, err
	}
	if facts.noValue > 0 {
		data = completeGroup(data)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ls, err := s.logstoreLocked(projectName, logstoreName)
	if err != nil {
		return 0, 0, err
	}
	sh := ls.writable(key)
	stored := group{data: data, received: s.nowLocked().UnixNano(), logs: int32(facts.logs), writer: &writer{hashKey: key}}
	s.keepGroupLocked(projectName, logstoreName, sh, stored)
	return sh.id, sh.append(stored), nil
}
