package slsfake

import "context"

// Wait blocks until cond holds or ctx ends. cond is asked at once and again
// after each request, when its effects are in place; what changes without a
// request (an expiry, a method of Server) is seen with the next one. cond may
// use the server's methods except Close.
func (s *Server) Wait(ctx context.Context, cond func() bool) error {
	for {
		changed := s.stats.changes() // before asking: a request in between is not missed
		if cond() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
