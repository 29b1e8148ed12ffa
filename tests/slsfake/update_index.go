package slsfake

// UpdateIndex: PUT /logstores/L/index, with a body like CreateIndex's
//
// The whole index is replaced; there must be one.
func (s *Server) updateIndex(r *request) (answer, *apiError) {
	ix, err := indexBody(r)
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ls, _, err := s.indexLocked(r)
	if err != nil {
		return answer{}, err
	}
	ix.modified = s.nowLocked().Unix()
	ls.index = ix
	s.keepLogstoreLocked(r.project, r.logstore)
	return emptyAnswer()
}
