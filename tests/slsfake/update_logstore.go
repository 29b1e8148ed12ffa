package slsfake

import "net/http"

// UpdateLogstore: PUT /logstores/L
//
// Replaces the settings that the body names. Name, mode and shardCount cannot be
// changed: another name or mode is refused, shardCount is ignored.
func (s *Server) updateLogstore(r *request) (answer, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ls, err := s.logstoreLocked(r.project, r.logstore)
	if err != nil {
		return answer{}, err
	}
	info := ls.info.clone() // what is refused must leave nothing behind
	if err := jsonBody(r, &info); err != nil {
		return answer{}, err
	}
	if info.Name != r.logstore {
		return answer{}, fail(codeLogStoreInfoInvalid, "logstore name %s is not the logstore of the path", info.Name)
	}
	if info.Mode != ls.info.Mode {
		return answer{}, fail(codeNotSupported,
			"The logstore mode or telemetryType is not supported for current metering mode.").withStatus(http.StatusBadRequest)
	}
	if err := info.check(); err != nil {
		return answer{}, err
	}
	info.ShardCount, info.CreateTime = ls.info.ShardCount, ls.info.CreateTime
	info.LastModifyTime = s.nowLocked().Unix()
	ls.info = info
	s.keepLogstoreLocked(r.project, r.logstore)
	return emptyAnswer()
}
