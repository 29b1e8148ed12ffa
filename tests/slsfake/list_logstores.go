package slsfake

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// ListLogstores: GET /logstores[?offset=N][&size=N][&logstoreName=S][&telemetryType=T][&mode=M]
//
// Answers names in order, a page of size (default and maximum 500) from
// offset on; logstoreName keeps the names that contain it, telemetryType those of
// metric stores (Metrics) or of all others (None), mode those of the mode. count is
// the number of names in the answer, total that of all pages.
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
		for name, ls := range p.logstores {
			if ls.info.matches(r.query) {
				names = append(names, name)
			}
		}
	}
	s.mu.Unlock()
	if p == nil {
		return answer{}, fail(codeProjectNotExist, "The Project does not exist: %s", r.project)
	}
	slices.Sort(names)
	page := names[min(offset, len(names)):min(offset+size, len(names))]
	return jsonAnswer(struct {
		Count     int      `json:"count"`
		Total     int      `json:"total"`
		Logstores []string `json:"logstores"`
	}{len(page), len(names), page})
}

// matches reports whether a listing with the query q names the logstore.
func (i *logstoreInfo) matches(q url.Values) bool {
	if t := q.Get("telemetryType"); t != "" && (t == "Metrics") != (i.TelemetryType == "Metrics") {
		return false
	}
	if m := q.Get("mode"); m != "" && m != i.Mode {
		return false
	}
	return strings.Contains(i.Name, q.Get("logstoreName"))
}

// intParam reads an optional integer of the query.
func intParam(r *request, name string, def, lo, hi int) (int, *apiError) {
	return intOf(r.query, name, def, lo, hi)
}

func intOf(q url.Values, name string, def, lo, hi int) (int, *apiError) {
	v := q.Get(name)
	if v == "" {
		return def, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < lo || n > hi {
		return 0, fail(codeParameterInvalid, "%s %q is not within %d..%d", name, v, lo, hi)
	}
	return n, nil
}
