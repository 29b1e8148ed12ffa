package slsfake

// UpdateProject: PUT / {"description"} on the project's host
//
// Replaces the description; without one it is empty from then on.
//
// Not implemented: any other setting.
func (s *Server) updateProject(r *request) (answer, *apiError) {
	var body projectBody
	if err := jsonBody(r, &body); err != nil {
		return answer{}, err
	}
	if body.Name != "" && body.Name != r.project {
		return answer{}, fail(codeParameterInvalid, "projectName %s is not the project of the host", body.Name)
	}
	if body.Redundancy != "" {
		return answer{}, unsupported("a change of dataRedundancyType")
	}
	if err := body.check(); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.projectOfLocked(r)
	if err != nil {
		return answer{}, err
	}
	p.description, p.modified = body.Description, s.nowLocked()
	s.keepProjectLocked(r.project)
	return emptyAnswer()
}
