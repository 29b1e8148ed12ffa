package slsfake

import (
	"sort"
	"strconv"
)

// GetCursor: GET /logstores/L/shards/S?type=cursor&from=F
//
// from is "begin" (the first group kept), "end" (the next group to be
// written) or unix seconds: the first group received at or after that second,
// by the server's clock; the end when there is none.
func (s *Server) getCursor(r *request) (answer, *apiError) {
	s.mu.Lock()
	n, err := s.cursorFromLocked(r)
	s.mu.Unlock()
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(struct {
		Cursor string `json:"cursor"`
	}{encodeCursor(n)})
}

func (s *Server) cursorFromLocked(r *request) (int64, *apiError) {
	_, sh, err := s.shardLocked(r)
	if err != nil {
		return 0, err
	}
	switch from := r.query.Get("from"); from {
	case "begin":
		return sh.base, nil
	case "end":
		return sh.endNumber(), nil
	default:
		sec, err := strconv.ParseInt(from, 10, 64)
		if err != nil || sec < 0 {
			return 0, fail(codeParameterInvalid, "from %q is not begin, end or unix seconds", from)
		}
		return sh.base + int64(sort.Search(len(sh.groups), func(i int) bool {
			return sh.groups[i].received/1e9 >= sec
		})), nil
	}
}
