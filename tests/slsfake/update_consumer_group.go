package slsfake

import "time"

// UpdateConsumerGroup: PUT /logstores/L/consumergroups/G {"order"[, "timeout"]}
//
// Settings that the body leaves out stay as they are. A change takes effect with the next
// heartbeat.
func (s *Server) updateConsumerGroup(r *request) (answer, *apiError) {
	var body groupBody
	if err := jsonBody(r, &body); err != nil {
		return answer{}, err
	}
	if body.Timeout != nil {
		if err := checkTimeout(*body.Timeout); err != nil {
			return answer{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, g, err := s.groupLocked(r)
	if err != nil {
		return answer{}, err
	}
	if body.Timeout != nil {
		g.timeout = time.Duration(*body.Timeout) * time.Second
	}
	if body.Order != nil {
		g.order = *body.Order
	}
	s.keepLogstoreLocked(r.project, r.logstore)
	return emptyAnswer()
}
