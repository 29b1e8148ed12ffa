package slsfake

import "encoding/json"

// CreateLogstore: POST /logstores
//
// The name is 2 to 63 of a-z, 0-9, "-" and "_", a letter or digit first and
// last; shardCount 1..100; ttl 1..3650 days (3650 = for ever); maxSplitShard
// (default 64) must be named with autoSplit. The project must exist.
//
// Not implemented: all that the settings do in production beyond being
// answered by GetLogstore; quotas on the number of logstores.
func (s *Server) createLogstore(r *request) (answer, *apiError) {
	info := logstoreInfo{Mode: defaultMode} // the rest the request must say
	if err := jsonBody(r, &info); err != nil {
		return answer{}, err
	}
	if !info.AutoSplit && info.MaxSplitShard == 0 {
		info.MaxSplitShard = defaultMaxSplitShard
	}
	if !nameRule.MatchString(info.Name) {
		return answer{}, fail(codeLogstoreInfoInvalid, "logstore name %q is invalid", info.Name)
	}
	if info.ShardCount < 1 || info.ShardCount > 100 {
		return answer{}, fail(codeLogstoreInfoInvalid, "shardCount %d is not within 1..100", info.ShardCount)
	}
	if err := info.check(); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.projects[r.project]
	if p == nil {
		return answer{}, fail(codeProjectNotExist, "The Project does not exist: %s", r.project)
	}
	if p.logstores[info.Name] != nil {
		return answer{}, fail(codeLogStoreAlreadyExist, "logstore %s already exists", info.Name)
	}
	p.addLogstore(info, s.nowLocked())
	return emptyAnswer()
}

// logstoreInfo is a logstore's settings as the API spells them.
type logstoreInfo struct {
	Name           string `json:"logstoreName"`
	TTL            int    `json:"ttl"`
	ShardCount     int    `json:"shardCount"`
	WebTracking    bool   `json:"enable_tracking"`
	AutoSplit      bool   `json:"autoSplit"`
	MaxSplitShard  int    `json:"maxSplitShard"`
	AppendMeta     bool   `json:"appendMeta"`
	TelemetryType  string `json:"telemetryType"`
	Mode           string `json:"mode"`
	CreateTime     int64  `json:"createTime"`
	LastModifyTime int64  `json:"lastModifyTime"`

	HotTTL              int             `json:"hot_ttl,omitempty"`
	InfrequentAccessTTL *int            `json:"infrequentAccessTTL,omitempty"`
	EncryptConf         json.RawMessage `json:"encrypt_conf,omitempty"`
	ProductType         string          `json:"productType,omitempty"`
}

const (
	defaultMaxSplitShard = 64
	defaultMode          = "standard"
)

func (i *logstoreInfo) check() *apiError {
	if i.TTL < 1 || i.TTL > 3650 {
		return fail(codeLogstoreInfoInvalid, "ttl %d is not within 1..3650", i.TTL)
	}
	if i.AutoSplit && i.MaxSplitShard < 1 {
		return fail(codeLogstoreInfoInvalid, "autoSplit without maxSplitShard")
	}
	return nil
}
