package slsfake

// UpdateLogstore: PUT /logstores/L
//
// Replaces the settings that the body names. Name and shardCount cannot be
// changed: another name is refused, shardCount is ignored.
func (s *Server) updateLogstore(r *request) (answer, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ls, err := s.logstoreLocked(r.project, r.logstore)
	if err != nil {
		return answer{}, err
	}
	info := ls.info
	if err := jsonBody(r, &info); err != nil {
		return answer{}, err
	}
	if info.Name != r.logstore {
		return answer{}, fail(codeLogstoreInfoInvalid, "logstoreName %q is not the logstore of the path", info.Name)
	}
	if err := info.check(); err != nil {
		return answer{}, err
	}
	info.ShardCount, info.CreateTime = ls.info.ShardCount, ls.info.CreateTime
	info.LastModifyTime = s.nowLocked().Unix()
	ls.info = info
	return emptyAnswer()
}
