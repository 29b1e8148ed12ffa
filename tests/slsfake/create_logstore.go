package slsfake

import (
	"encoding/json"
	"slices"
)

// CreateLogstore: POST /logstores
//
// The name is 2 to 63 of a-z, 0-9, "-" and "_", a letter or digit first and
// last; shardCount 1..100; ttl 1..3650 days (3650 = for ever); maxSplitShard
// (default 64) 1..256, and must be named with autoSplit; encrypt_conf names one of
// the documented algorithms. The project must exist.
//
// Not implemented: all that the settings do in production beyond being
// answered by GetLogstore; quotas on the number of logstores.
func (s *Server) createLogstore(r *request) (answer, *apiError) {
	info := logstoreInfo{Mode: defaultMode} // the rest the request must say
	if err := jsonBody(r, &info); err != nil {
		return answer{}, err
	}
	if !nameRule.MatchString(info.Name) {
		return answer{}, fail(codeLogStoreInfoInvalid, "logstore name %s is invalid", info.Name)
	}
	if info.ShardCount < 1 || info.ShardCount > 100 {
		return answer{}, fail(codeLogStoreInfoInvalid, "shardCount %d is not within 1..100", info.ShardCount)
	}
	if err := info.check(); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.projectOfLocked(r)
	if err != nil {
		return answer{}, err
	}
	if p.logstores[info.Name] != nil {
		return answer{}, fail(codeLogStoreAlreadyExist, "logstore %s already exists", info.Name)
	}
	p.addLogstore(info, s.nowLocked())
	s.keepLogstoreLocked(r.project, info.Name)
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

// clone shares nothing with i: json decodes into the memory of what is there.
func (i *logstoreInfo) clone() logstoreInfo {
	c := *i
	c.EncryptConf = slices.Clone(i.EncryptConf)
	if i.InfrequentAccessTTL != nil {
		days := *i.InfrequentAccessTTL
		c.InfrequentAccessTTL = &days
	}
	return c
}

// check holds the settings against their bounds. maxSplitShard gets its default:
// the Go SDK sends 0 where it is not set.
func (i *logstoreInfo) check() *apiError {
	if !i.AutoSplit && i.MaxSplitShard == 0 {
		i.MaxSplitShard = defaultMaxSplitShard
	}
	if i.TTL < 1 || i.TTL > 3650 {
		return fail(codeLogStoreInfoInvalid, "ttl %d is not within 1..3650", i.TTL)
	}
	if i.MaxSplitShard < 1 || i.MaxSplitShard > 256 {
		return fail(codeLogStoreInfoInvalid, "maxSplitShard must be within range [1, 256]")
	}
	return i.checkEncryption()
}

// encryptTypes are the algorithms that the service documents.
var encryptTypes = []string{
	"default", "m4", "sm4_ecb", "sm4_cbc", "sm4_gcm", "aes_ecb", "aes_cbc", "aes_cfb", "aes_ofb", "aes_gcm",
}

func (i *logstoreInfo) checkEncryption() *apiError {
	if len(i.EncryptConf) == 0 || string(i.EncryptConf) == "null" {
		return nil
	}
	var conf struct {
		Enable bool   `json:"enable"`
		Type   string `json:"encrypt_type"`
	}
	if err := json.Unmarshal(i.EncryptConf, &conf); err != nil {
		return fail(codeJSONInfoInvalid, "encrypt_conf: %v", err)
	}
	if !slices.Contains(encryptTypes, conf.Type) && (conf.Enable || conf.Type != "") {
		return fail(codeLogStoreInfoInvalid, "The encrypt_conf is invalid, [encrypt_type] key is missing or not supported")
	}
	return nil
}
