package slsfake

import (
	"net/http"
	"strconv"
	"time"
)

// UpdateCheckpoint: POST
// /logstores/L/consumergroups/G?type=checkpoint[&consumer=C]&forceSuccess=B
// {"shard", "checkpoint" (a cursor)}
//
// Without force, C must be a live member (else 404 ConsumerNotExist) that
// holds the shard, a revoked one it still lists included (else 400
// ConsumerNotMatch). With force anybody may write, also without a consumer.
// The checkpoint must be a cursor not beyond the shard's end (else 400
// InvalidShardCheckPoint); it may be one whose data has expired, and it may
// move backwards.
func (s *Server) updateCheckpoint(r *request) (answer, *apiError) {
	force, perr := strconv.ParseBool(r.query.Get("forceSuccess"))
	if perr != nil && r.query.Has("forceSuccess") {
		return answer{}, fail(codeParameterInvalid, "forceSuccess %q is not true or false", r.query.Get("forceSuccess"))
	}
	consumer := r.query.Get("consumer")
	if consumer == "" && !force {
		return answer{}, fail(codeParameterInvalid, "consumer is missing and forceSuccess is not true")
	}
	var body checkpointBody
	if err := jsonBody(r, &body); err != nil {
		return answer{}, err
	}
	n, ok := decodeCursor(body.Checkpoint)
	if !ok {
		return answer{}, fail(codeInvalidShardCheckPoint, "shard checkpoint %q is not valid", body.Checkpoint)
	}
	if body.Shard == nil {
		return answer{}, fail(codeParameterInvalid, "shard is missing")
	}
	write := CheckpointWrite{
		Checkpoint: Checkpoint{Cursor: body.Checkpoint, Number: n, Consumer: consumer},
		Shard:      *body.Shard, Force: force, RequestID: r.id,
	}
	if err := s.commit(r, write); err != nil {
		return answer{}, err
	}
	return emptyAnswer()
}

type checkpointBody struct {
	Shard      *int   `json:"shard"`
	Checkpoint string `json:"checkpoint"`
}

func (s *Server) commit(r *request, w CheckpointWrite) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	ls, g, err := s.groupLocked(r)
	if err != nil {
		return err
	}
	sh := ls.shard(w.Shard)
	if sh == nil {
		return fail(codeShardNotExist, "shard %d does not exist", w.Shard).withStatus(http.StatusNotFound)
	}
	g.expire(time.Now())
	if l := g.leases[w.Shard]; l != nil {
		w.Owner = l.owner
	}
	if !w.Force {
		if g.members[w.Consumer] == nil {
			return fail(codeConsumerNotExist, "consumer %s does not exist", w.Consumer)
		}
		if w.Owner != w.Consumer {
			return fail(codeConsumerNotMatch, "consumer %s does not hold shard %d", w.Consumer, w.Shard)
		}
	}
	if w.Number > sh.endNumber() {
		return fail(codeInvalidShardCheckPoint, "shard checkpoint %q is beyond the end of shard %d", w.Cursor, w.Shard)
	}
	w.UpdateTime, w.At = s.nowLocked(), time.Now()
	g.history = append(g.history, w)
	cp := w.Checkpoint
	g.checkpoints[w.Shard] = &cp
	s.keepLogstoreLocked(r.project, r.logstore)
	return nil
}
