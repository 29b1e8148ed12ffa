package slsfake

// DeleteLogstore: DELETE /logstores/L
//
// The data, shards and consumer groups go with it at once. A logstore made
// again under the name starts with new cursors.
func (s *Server) deleteLogstore(r *request) (answer, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.logstoreLocked(r.project, r.logstore); err != nil {
		return answer{}, err
	}
	delete(s.projects[r.project].logstores, r.logstore)
	return emptyAnswer()
}
