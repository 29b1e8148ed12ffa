package slsfake

// DeleteConsumerGroup: DELETE /logstores/L/consumergroups/G
//
// Members, leases and checkpoints go with it; their next call is answered
// 404 ConsumerGroupNotExist.
func (s *Server) deleteConsumerGroup(r *request) (answer, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ls, _, err := s.groupLocked(r)
	if err != nil {
		return answer{}, err
	}
	delete(ls.groups, r.group)
	return emptyAnswer()
}
