package slsfake

import (
	"encoding/json"
	"slices"
	"strings"
)

// index is a logstore's index as a client set it, checked.
type index struct {
	Line *indexLine          `json:"line"`
	Keys map[string]indexKey `json:"keys"`

	raw      map[string]json.RawMessage // as set, for GetIndex
	modified int64                      // unix seconds
}

// indexLine is the index of whole logs.
type indexLine struct {
	Token         []string `json:"token"`
	CaseSensitive bool     `json:"caseSensitive"`
	IncludeKeys   []string `json:"include_keys"`
	ExcludeKeys   []string `json:"exclude_keys"`
}

// indexKey is the index of one field.
type indexKey struct {
	Type          string   `json:"type"`
	Token         []string `json:"token"`
	CaseSensitive bool     `json:"caseSensitive"`
}

func (k indexKey) isNumber() bool { return k.Type == "long" || k.Type == "double" }

// indexBody reads and checks the index that a request sets. One of line and keys
// must be there; what it says beyond the fields of index is answered by GetIndex
// and does nothing.
func indexBody(r *request) (*index, *apiError) {
	ix := &index{}
	if err := jsonBody(r, ix); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(r.body, &ix.raw); err != nil {
		return nil, fail(codeJSONInfoInvalid, "body is not the JSON expected: %v", err)
	}
	if ix.Line == nil && len(ix.Keys) == 0 {
		return nil, fail(codeIndexInfoInvalid, "neither line nor keys is configured")
	}
	if ix.Line != nil {
		if ix.Line.Token == nil {
			return nil, fail(codeIndexInfoInvalid, "Required field token is lacking or of error format")
		}
		if len(ix.Line.IncludeKeys) > 0 && len(ix.Line.ExcludeKeys) > 0 {
			return nil, fail(codeIndexInfoInvalid, "line has both include_keys and exclude_keys")
		}
	}
	for name, key := range ix.Keys {
		if !slices.Contains([]string{"text", "long", "double", "json"}, key.Type) {
			return nil, fail(codeIndexInfoInvalid, "type %s of key %s is not text, long, double or json", key.Type, name)
		}
		if !key.isNumber() && key.Token == nil {
			return nil, fail(codeIndexInfoInvalid, "Required field token is lacking or of error format")
		}
	}
	return ix, nil
}

// indexLocked finds the index of the logstore a request names.
func (s *Server) indexLocked(r *request) (*logstore, *index, *apiError) {
	ls, err := s.logstoreLocked(r.project, r.logstore)
	if err != nil {
		return nil, nil, err
	}
	if ls.index == nil {
		return nil, nil, fail(codeIndexConfigNotExist, "logstore without index config")
	}
	return ls, ls.index, nil
}

// words cuts a text at the delimiters, in lower case unless case counts. keep are
// characters that are none here: the wildcards of a pattern.
func words(text string, token []string, caseSensitive bool, keep string) []string {
	if !caseSensitive {
		text = strings.ToLower(text)
	}
	delimiters := strings.Join(token, "")
	return strings.FieldsFunc(text, func(c rune) bool {
		return strings.ContainsRune(delimiters, c) && !strings.ContainsRune(keep, c)
	})
}
