package slsfake

import "time"

// CreateConsumerGroup: POST /logstores/L/consumergroups
// {"consumerGroup", "timeout" (seconds), "order"}
//
// All three are required. The name follows the rule of logstore names, timeout
// is 1..86400. At most Config.MaxConsumerGroups per logstore. x-log-bodyrawsize
// is not held against the body: the SDK sends 0.
func (s *Server) createConsumerGroup(r *request) (answer, *apiError) {
	var body groupBody
	if err := jsonBody(r, &body); err != nil {
		return answer{}, err
	}
	if body.Name == "" || body.Timeout == nil || body.Order == nil {
		return answer{}, fail(codeJSONInfoInvalid, "consumerGroup, timeout or order is missing")
	}
	if !nameRule.MatchString(body.Name) {
		return answer{}, fail(codeParameterInvalid, "consumer group name %q is invalid", body.Name)
	}
	if err := checkTimeout(*body.Timeout); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ls, err := s.logstoreLocked(r.project, r.logstore)
	if err != nil {
		return answer{}, err
	}
	if ls.groups[body.Name] != nil {
		return answer{}, fail(codeConsumerGroupAlreadyExist, "consumer group %s already exists", body.Name)
	}
	if len(ls.groups) >= s.cfg.MaxConsumerGroups {
		return answer{}, fail(codeConsumerGroupQuotaExceed, "logstore %s has %d consumer groups", r.logstore, len(ls.groups))
	}
	ls.groups[body.Name] = newConsumerGroup(body.Name, time.Duration(*body.Timeout)*time.Second,
		*body.Order)
	s.keepLogstoreLocked(r.project, r.logstore)
	return emptyAnswer()
}

func checkTimeout(t int) *apiError {
	if t < 1 || t > 86400 {
		return fail(codeParameterInvalid, "timeout must be within 1..86400 seconds")
	}
	return nil
}
