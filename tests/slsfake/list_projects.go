package slsfake

import (
	"maps"
	"slices"
	"strings"
)

// ListProjects: GET /?offset=N&size=N[&projectName=T][&description=T], or GET /
// on a host that names no project: an address or localhost
//
// Answers the projects by name, a page of size (default 100, maximum 500) from
// offset on, those whose name and description contain what is asked for. count is
// the number of projects in the answer, total that of all pages. Any of the
// parameters makes it this operation, whatever the host is called: the emulator
// cannot know a client's endpoint from a project of the name.
//
// Not implemented: resource groups (resourceGroupId may be empty), quotas
// (fetchQuota may be false).
func (s *Server) listProjects(r *request) (answer, *apiError) {
	offset, err := intParam(r, "offset", 0, 0, 1<<30)
	if err != nil {
		return answer{}, err
	}
	size, err := intParam(r, "size", 100, 1, 500)
	if err != nil {
		return answer{}, err
	}
	if err := onlyAs(r.query, "resourceGroupId", ""); err != nil {
		return answer{}, err
	}
	if err := onlyAs(r.query, "fetchQuota", "false"); err != nil {
		return answer{}, err
	}
	list := []projectInfo{}
	s.mu.Lock()
	for _, name := range slices.Sorted(maps.Keys(s.projects)) {
		info := s.infoOf(s.projects[name])
		if strings.Contains(name, r.query.Get("projectName")) && strings.Contains(info.Description, r.query.Get("description")) {
			list = append(list, info)
		}
	}
	s.mu.Unlock()
	page := list[min(offset, len(list)):min(offset+size, len(list))]
	return jsonAnswer(struct {
		Count    int           `json:"count"`
		Total    int           `json:"total"`
		Projects []projectInfo `json:"projects"`
	}{len(page), len(list), page})
}
