package slsfake

import "strconv"

// GetProject: GET / on the project's host.
//
// createTime and lastModifyTime are strings of unix seconds, as in
// production. There is no "endpoint", "accessKeyID" or similar key: the SDK
// unmarshals the answer over its live client.
//
// Not implemented: creating, listing and deleting projects over HTTP (use
// Server.CreateProject).
func (s *Server) getProject(r *request) (answer, *apiError) {
	s.mu.Lock()
	p := s.projects[r.project]
	created := ""
	if p != nil {
		created = strconv.FormatInt(p.created.Unix(), 10)
	}
	s.mu.Unlock()
	if p == nil {
		return answer{}, fail(codeProjectNotExist, "The Project does not exist: %s", r.project)
	}
	info := map[string]string{
		"projectName": r.project, "description": "", "status": "Normal", "owner": "",
		"createTime": created, "lastModifyTime": created,
	}
	if s.cfg.Region != "" { // the SDK takes it for its own region
		info["region"] = s.cfg.Region
	}
	return jsonAnswer(info)
}
