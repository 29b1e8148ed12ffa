package slsfake

import "time"

// Done is one request that is over.
type Done struct {
	Op        Op
	RequestID string        // as answered and as hooks saw it
	Status    int           // 0 = it ended without a complete answer
	Begin     time.Time     // its headers had been read
	Took      time.Duration // from then until its answer was handed to the connection
	WireIn    int           // body bytes as received
	WireOut   int           // body bytes as answered
	Raw       int           // uncompressed bytes of the groups accepted or pulled
	Logs      int           // accepted
}

// trace shows a request that is over to Config.Trace.
func (s *Server) trace(r *request, a answer, begin time.Time, aborted bool) {
	if s.cfg.Trace == nil {
		return
	}
	d := Done{
		Op: r.op, RequestID: r.id, Status: a.status, Begin: begin, Took: time.Since(begin),
		WireIn: len(r.body), WireOut: len(a.body), Raw: r.in.raw + a.out.raw, Logs: r.in.logs,
	}
	if aborted {
		d.Status = 0
	}
	s.cfg.Trace(d)
}
