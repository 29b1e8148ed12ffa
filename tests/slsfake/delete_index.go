package slsfake

// DeleteIndex: DELETE /logstores/L/index
//
// What is stored cannot be queried any more, until there is an index again.
func (s *Server) deleteIndex(r *request) (answer, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ls, _, err := s.indexLocked(r)
	if err != nil {
		return answer{}, err
	}
	ls.index = nil
	s.keepLogstoreLocked(r.project, r.logstore)
	return emptyAnswer()
}
