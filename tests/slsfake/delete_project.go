package slsfake

// DeleteProject: DELETE / on the project's host
//
// Its logstores go with it at once. A body, which the Node SDK sends, is ignored.
//
// Not implemented: the recycle bin, from which production can bring it back.
func (s *Server) deleteProject(r *request) (answer, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.projectOfLocked(r); err != nil {
		return answer{}, err
	}
	delete(s.projects, r.project)
	s.keepProjectLocked(r.project)
	return emptyAnswer()
}
