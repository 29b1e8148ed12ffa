package slsfake

import "strconv"

// GetProject: GET / on the project's host.
//
// createTime and lastModifyTime are strings of unix seconds, as in production. There is no
// "endpoint", "accessKeyID" or similar key: the Go SDK unmarshals the answer over its live
// client. It also takes region for its own: that is Config.Region, or cn-hangzhou if that
// accepts any.
//
// Not implemented: quota, crossRegion.
func (s *Server) getProject(r *request) (answer, *apiError) {
	s.mu.Lock()
	p, err := s.projectOfLocked(r)
	var info projectInfo
	if err == nil {
		info = s.infoOf(p)
	}
	s.mu.Unlock()
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(info)
}

// projectInfo is a project as GetProject and ListProjects describe it.
type projectInfo struct {
	Name           string `json:"projectName"`
	Description    string `json:"description"`
	Status         string `json:"status"`
	Owner          string `json:"owner"`
	Region         string `json:"region"`
	CreateTime     string `json:"createTime"`
	LastModifyTime string `json:"lastModifyTime"`
	Redundancy     string `json:"dataRedundancyType"`
}

// defaultRegion is where projects are when signatures may name any region.
const defaultRegion = "cn-hangzhou"

// infoOf describes p, which the lock guards.
func (s *Server) infoOf(p *project) projectInfo {
	info := projectInfo{
		Name: p.name, Description: p.description, Status: "Normal", Region: s.cfg.Region, Redundancy: p.redundancy,
		CreateTime: strconv.FormatInt(p.created.Unix(), 10), LastModifyTime: strconv.FormatInt(p.modified.Unix(), 10),
	}
	setDefault(&info.Region, defaultRegion)
	return info
}

// projectOfLocked finds the project a request names.
func (s *Server) projectOfLocked(r *request) (*project, *apiError) {
	p := s.projects[r.project]
	if p == nil {
		return nil, fail(codeProjectNotExist, "The Project does not exist: %s", r.project)
	}
	return p, nil
}
