package slsfake

// GetCursorTime: GET /logstores/L/shards/S?type=cursor_time&cursor=C
//
// Answers when the group at the cursor was received, in unix seconds. The end
// cursor points at no group yet; it is answered with the server's time now
// (what the service says there is not documented).
func (s *Server) getCursorTime(r *request) (answer, *apiError) {
	s.mu.Lock()
	t, err := s.cursorTimeLocked(r)
	s.mu.Unlock()
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(struct {
		CursorTime int64 `json:"cursor_time"`
	}{t})
}

func (s *Server) cursorTimeLocked(r *request) (int64, *apiError) {
	_, sh, err := s.shardLocked(r)
	if err != nil {
		return 0, err
	}
	n, err := sh.position(r.query.Get("cursor"))
	if err != nil {
		return 0, err
	}
	if n == sh.endNumber() {
		return s.nowLocked().Unix(), nil
	}
	return sh.groups[n-sh.base].received / 1e9, nil
}
