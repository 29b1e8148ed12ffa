package slsfake

import (
	"slices"
	"time"
)

// Heartbeat: POST /logstores/L/consumergroups/G?type=heartbeat&consumer=C
// with the JSON array of the shards C holds.
//
// The first heartbeat registers the consumer; it must list nothing, else 400
// NotExistConsumerWithBody (so does a consumer whose lease expired: it has to
// begin anew). A member expires `timeout` after its last heartbeat. The answer
// is the array of the shards it may hold from now on (assignment.go). A shard
// the answer leaves out has been taken away: the consumer goes on listing it
// until it has let go, and only then does another get it. Shards listed that
// it was never given are ignored.
func (s *Server) heartbeat(r *request) (answer, *apiError) {
	consumer := r.query.Get("consumer")
	if consumer == "" {
		return answer{}, fail(codeParameterInvalid, "consumer is missing")
	}
	var listed []int
	if err := jsonBody(r, &listed); err != nil {
		return answer{}, err
	}
	held, err := s.beat(r, consumer, listed)
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(held)
}

func (s *Server) beat(r *request, consumer string, listed []int) ([]int, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ls, g, err := s.groupLocked(r)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	g.expire(now)
	m := g.members[consumer]
	if m == nil {
		if len(listed) > 0 {
			return nil, fail(codeNotExistConsumerWithBody, "consumer %s does not exist but lists shards", consumer)
		}
		m = &member{name: consumer}
		g.members[consumer] = m
	}
	m.beat, m.listed = now, listed
	for _, id := range g.leasesOf(consumer) {
		if !slices.Contains(listed, id) {
			delete(g.leases, id) // let go of, or never learnt of
		}
	}
	return g.assign(ls, consumer, now), nil
}
