package slsfake

import "fmt"

// DeleteConsumerGroup: DELETE /logstores/L/consumergroups/G
//
// Members, leases and checkpoints go with it; their next call is answered
// 404 ConsumerGroupNotExist.
func (s *Server) deleteConsumerGroup(r *request) (answer, *apiError) {
	if err := s.dropGroup(r); err != nil {
		return answer{}, err
	}
	return emptyAnswer()
}

func (s *Server) dropGroup(r *request) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	ls, _, err := s.groupLocked(r)
	if err != nil {
		return err
	}
	delete(ls.groups, r.group)
	s.keepLogstoreLocked(r.project, r.logstore)
	return nil
}

// DeleteConsumerGroup deletes a group as an operator does, under its consumers'
// feet. The error says that it does not exist.
func (s *Server) DeleteConsumerGroup(projectName, logstoreName, groupName string) error {
	r := &request{project: projectName, route: route{logstore: logstoreName, group: groupName}}
	if err := s.dropGroup(r); err != nil { // not returned as it is: a nil *apiError is no nil error
		return fmt.Errorf("delete consumer group %s of %s/%s: %w", groupName, projectName, logstoreName, err)
	}
	return nil
}
