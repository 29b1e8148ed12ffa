package slsfake

import (
	"regexp"
	"unicode/utf8"
)

// CreateProject: POST / {"projectName", "description"[, "dataRedundancyType"]}
//
// The body names the project; the host may name it too (Go SDK), or none (Node
// SDK), and does not count. The name is 3 to 63 of a-z, 0-9 and "-", a letter or
// digit first and last; the description has at most 512 characters, the least
// that was seen to be too many being 518; dataRedundancyType is LRS (default) or
// ZRS.
//
// Not implemented: quotas on the number of projects, resource groups.
func (s *Server) createProject(r *request) (answer, *apiError) {
	var body projectBody
	if err := jsonBody(r, &body); err != nil {
		return answer{}, err
	}
	if !projectRule.MatchString(body.Name) {
		return answer{}, fail(codeParameterInvalid, "project name %s is invalid", body.Name)
	}
	if err := body.check(); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.projects[body.Name] != nil {
		return answer{}, fail(codeProjectAlreadyExist, "Project %s already exist", body.Name)
	}
	p := s.projectLocked(body.Name)
	p.description = body.Description
	if body.Redundancy != "" {
		p.redundancy = body.Redundancy
	}
	s.keepProjectLocked(body.Name)
	return emptyAnswer()
}

// projectBody is what CreateProject and UpdateProject read.
type projectBody struct {
	Name        string `json:"projectName"`
	Description string `json:"description"`
	Redundancy  string `json:"dataRedundancyType"`
}

const maxDescription = 512

var projectRule = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)

func (b *projectBody) check() *apiError {
	if utf8.RuneCountInString(b.Description) > maxDescription {
		return fail(codeParameterInvalid, "Invalid project description: '%s'", b.Description)
	}
	if b.Redundancy != "" && b.Redundancy != "LRS" && b.Redundancy != "ZRS" {
		return fail(codeParameterInvalid, "dataRedundancyType %s is not LRS or ZRS", b.Redundancy)
	}
	return nil
}
