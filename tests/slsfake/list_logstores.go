package slsfake

import (
	"slices"
	"strconv"
	"strings"
)

// ListLogstores: GET /logstores[?offset=N][&size=N][&logstoreName=S]
//
// Answers names in order, a page of size (default and maximum 500) from
// offset on; logstoreName keeps the names that contain it. count is the
// number of names in the answer, total that of all pages.
//
// Not implemented: telemetryType and mode filters (ignored).
func (s *Server) listLogstores(r *request) (answer, *apiError) {
	offset, err := intParam(r, "offset", 0, 0, 1<<30)
	if err != nil {
		return answer{}, err
	}
	size, err := intParam(r, "size", 500, 1, 500)
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	p := s.projects[r.project]
	names := []string{}
	if p != nil {
		for name := range p.logstores {
			if strings.Contains(name, r.query.Get("logstoreName")) {
				names = append(names, name)
			}
		}
	}
	s.mu.Unlock()
	if p == nil {
		return answer{}, fail(codeProjectNotExist, "The Project does not exist : %s", r.project)
	}
	slices.Sort(names)
	page := names[min(offset, len(names)):min(offset+size, len(names))]
	return jsonAnswer(struct {
		Count     int      `json:"count"`
		Total     int      `json:"total"`
		Logstores []string `json:"logstores"`
	}{len(page), len(names), page})
}

// intParam reads an optional integer of the query.
func intParam(r *request, name string, def, lo, hi int) (int, *apiError) {
	v := r.query.Get(name)
	if v == "" {
		return def, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < lo || n > hi {
		return 0, fail(codeParameterInvalid, "%s %q is not within %d..%d", name, v, lo, hi)
	}
	return n, nil
}
