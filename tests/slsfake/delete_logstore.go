package slsfake

import "fmt"

// DeleteLogstore: DELETE /logstores/L
//
// The data, shards and consumer groups go with it at once. A logstore made
// again under the name starts with new cursors.
func (s *Server) deleteLogstore(r *request) (answer, *apiError) {
	if err := s.dropLogstore(r.project, r.logstore); err != nil {
		return answer{}, err
	}
	return emptyAnswer()
}

func (s *Server) dropLogstore(projectName, name string) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.logstoreLocked(projectName, name); err != nil {
		return err
	}
	delete(s.projects[projectName].logstores, name)
	s.keepLogstoreLocked(projectName, name)
	return nil
}

// DeleteLogstore deletes a logstore as an operator does, under its clients'
// feet. The error says that it does not exist.
func (s *Server) DeleteLogstore(projectName, name string) error {
	if err := s.dropLogstore(projectName, name); err != nil { // not returned as it is: a nil *apiError is no nil error
		return fmt.Errorf("delete logstore %s/%s: %w", projectName, name, err)
	}
	return nil
}
