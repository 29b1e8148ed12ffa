package slsfake

import (
	"encoding/json"
	"fmt"
	"strings"
)

// CreateIndex: POST /logstores/L/index {"line" and/or "keys"[, "ttl" ...]}
//
// line needs its token, each of keys a type (text, long, double or json) and, for text and
// json, a token. The index decides what GetLogs finds in all logs, also in those written
// before it.
//
// Not implemented: Chinese words (chn), fields within json, aliases, what else an
// index may say.
func (s *Server) createIndex(r *request) (answer, *apiError) {
	ix, err := indexBody(r)
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ls, err := s.logstoreLocked(r.project, r.logstore)
	if err != nil {
		return answer{}, err
	}
	if ls.index != nil {
		return answer{}, fail(codeIndexAlreadyExist, "Logstore index is already created")
	}
	ix.modified = s.nowLocked().Unix()
	ls.index = ix
	s.keepLogstoreLocked(r.project, r.logstore)
	return emptyAnswer()
}

// CreateIndex gives a logstore an index of whole logs, with the delimiters that the
// SDKs set by default. An index that is there is replaced. The error says that the
// logstore does not exist.
func (s *Server) CreateIndex(projectName, logstoreName string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ls, err := s.logstoreLocked(projectName, logstoreName)
	if err != nil { // not returned as it is: a nil *apiError is no nil error
		return fmt.Errorf("create index of %s/%s: %w", projectName, logstoreName, err)
	}
	line, failed := json.Marshal(indexLine{Token: defaultTokens, IncludeKeys: []string{}, ExcludeKeys: []string{}})
	if failed != nil {
		return failed
	}
	ls.index = &index{
		Line: &indexLine{Token: defaultTokens}, raw: map[string]json.RawMessage{"line": line}, modified: s.nowLocked().Unix(),
	}
	s.keepLogstoreLocked(projectName, logstoreName)
	return nil
}

var defaultTokens = strings.Split(", '\";=()[]{}?@&<>/:\n\t\r", "")
