package slsfake

// GetLogstore: GET /logstores/L
//
// shardCount is the number of read-write shards.
func (s *Server) getLogstore(r *request) (answer, *apiError) {
	s.mu.Lock()
	ls, err := s.logstoreLocked(r.project, r.logstore)
	var info logstoreInfo
	if err == nil {
		info = ls.info
		info.ShardCount = 0
		for _, sh := range ls.shards {
			if !sh.readOnly {
				info.ShardCount++
			}
		}
	}
	s.mu.Unlock()
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(info)
}
