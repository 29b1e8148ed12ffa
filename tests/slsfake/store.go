package slsfake

import (
	"crypto/md5"
	"encoding/hex"
	"math/big"
	"slices"
	"strings"
	"time"
)

// project is created by the first CreateLogstore or by CreateProject.
type project struct {
	name        string
	description string
	redundancy  string // dataRedundancyType
	created     time.Time
	modified    time.Time
	logstores   map[string]*logstore
	used        account
}

type logstore struct {
	info   logstoreInfo
	index  *index   // nil = none; replaced, never changed in place
	shards []*shard // index = id
	groups map[string]*consumerGroup
	next   int // round robin of load-balanced writes

	refused []RefusedSequence
}

// group is one stored LogGroup. data is never changed after it is stored, so
// it may be read without the lock.
type group struct {
	data     []byte
	received int64 // unix nanoseconds, server's clock
	logs     int32
	writer   *writer
}

// writer says who wrote a group.
type writer struct {
	requestID, accessKeyID, userAgent, hashKey, processor string
	sequence                                              uint64 // 0 = none
}

// shard holds the groups with numbers base .. base+len(groups)-1.
type shard struct {
	id       int
	readOnly bool
	begin    string // 32 lower hex, inclusive
	end      string // exclusive, but ffff..ff, which is inclusive
	created  time.Time
	parents  []int
	children []int
	base     int64
	groups   []group
	bytes    int64 // of the groups kept
	logs     int64 // in the groups kept
	used     account

	sequences sequences
}

func (sh *shard) endNumber() int64 { return sh.base + int64(len(sh.groups)) }

// lastKey is the end of the hash space.
const lastKey = "ffffffffffffffffffffffffffffffff"

func (sh *shard) holds(key string) bool {
	return key >= sh.begin && (key < sh.end || (sh.end == lastKey && key == lastKey))
}

// append stores data, which the shard owns from now on.
func (sh *shard) append(g group) int64 {
	sh.groups = append(sh.groups, g)
	sh.bytes += int64(len(g.data))
	sh.logs += int64(g.logs)
	return sh.endNumber() - 1
}

// dropUntil forgets the groups before number n.
func (sh *shard) dropUntil(n int64) int {
	k := int(min(max(n-sh.base, 0), int64(len(sh.groups))))
	for _, g := range sh.groups[:k] {
		sh.bytes -= int64(len(g.data))
		sh.logs -= int64(g.logs)
	}
	sh.groups = slices.Clone(sh.groups[k:]) // lets the dropped ones go
	sh.base += int64(k)
	return k
}

// newShard adds a shard with the next id. Its first cursor is made of the time
// and the id, as large as production's: cursors of another shard or of a
// logstore that was deleted are out of its range.
func (ls *logstore) newShard(begin, end string, now time.Time) *shard {
	sh := &shard{id: len(ls.shards), begin: begin, end: end, created: now}
	sh.base = now.UnixNano() + int64(sh.id)*1_000_000_000_000
	ls.shards = append(ls.shards, sh)
	return sh
}

// writable returns the shard that takes a write: by key, or in turn.
func (ls *logstore) writable(key string) *shard {
	key = placeOf(key)
	for range ls.shards {
		ls.next = (ls.next + 1) % len(ls.shards)
		sh := ls.shards[ls.next]
		if !sh.readOnly && (key == "" || sh.holds(key)) {
			return sh
		}
	}
	return nil
}

func (ls *logstore) shard(id int) *shard {
	if id < 0 || id >= len(ls.shards) {
		return nil
	}
	return ls.shards[id]
}

// keyAt is the hash key at part/parts of the range [begin, end).
func keyAt(begin, end string, part, parts int) string {
	lo, hi := keyNumber(begin), keyNumber(end)
	if end == lastKey {
		hi.Add(hi, big.NewInt(1))
	}
	hi.Sub(hi, lo).Mul(hi, big.NewInt(int64(part))).Div(hi, big.NewInt(int64(parts)))
	s := lo.Add(lo, hi).Text(16)
	if len(s) > 32 {
		return lastKey
	}
	return strings.Repeat("0", 32-len(s)) + s
}

func keyNumber(key string) *big.Int {
	n, _ := new(big.Int).SetString(key, 16) // callers pass validated keys
	return n
}

// parseKey reads a hash key of 32 hex digits, in lower case afterwards.
func parseKey(key string) (string, bool) {
	lower := strings.ToLower(key)
	if len(key) != 32 || strings.Trim(lower, "0123456789abcdef") != "" {
		return key, false
	}
	return lower, true
}

// placeOf is where in the hash space a write by key belongs; "" = no key. The
// service documents keys of 32 hex digits, but official clients send others too,
// and nothing says how it places those: here by their MD5, which is what the
// producers make of a key themselves.
func placeOf(key string) string {
	if k, ok := parseKey(key); ok || key == "" {
		return k
	}
	sum := md5.Sum([]byte(key))
	return hex.EncodeToString(sum[:])
}

func (s *Server) projectLocked(name string) *project {
	p := s.projects[name]
	if p == nil {
		now := s.nowLocked()
		p = &project{name: name, redundancy: "LRS", created: now, modified: now, logstores: map[string]*logstore{}}
		s.projects[name] = p
		s.keepProjectLocked(name)
	}
	return p
}

func (p *project) addLogstore(info logstoreInfo, now time.Time) *logstore {
	info.CreateTime, info.LastModifyTime = now.Unix(), now.Unix()
	ls := &logstore{info: info, groups: map[string]*consumerGroup{}, next: -1}
	zero := strings.Repeat("0", 32)
	for i := range info.ShardCount {
		ls.newShard(keyAt(zero, lastKey, i, info.ShardCount), keyAt(zero, lastKey, i+1, info.ShardCount), now)
	}
	p.logstores[info.Name] = ls
	return ls
}

// logstoreLocked finds what a request names.
func (s *Server) logstoreLocked(projectName, name string) (*logstore, *apiError) {
	p := s.projects[projectName]
	if p == nil {
		return nil, fail(codeProjectNotExist, "The Project does not exist: %s", projectName)
	}
	ls := p.logstores[name]
	if ls == nil {
		return nil, fail(codeLogStoreNotExist, "logstore %s does not exist", name)
	}
	return ls, nil
}

// shardLocked finds the logstore and shard a request names.
func (s *Server) shardLocked(r *request) (*logstore, *shard, *apiError) {
	ls, err := s.logstoreLocked(r.project, r.logstore)
	if err != nil {
		return nil, nil, err
	}
	sh := ls.shard(r.shard)
	if sh == nil {
		return nil, nil, fail(codeShardNotExist, "shard %d does not exist", r.shard)
	}
	return ls, sh, nil
}

// CreateProject makes a project without logstores. CreateLogstore makes its
// project itself.
func (s *Server) CreateProject(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.projectLocked(name)
}

// CreateLogstore makes a logstore of shards equal hash ranges (at least one),
// and its project when it does not exist. An existing logstore is replaced by
// an empty one.
func (s *Server) CreateLogstore(projectName, name string, shards int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.projectLocked(projectName).addLogstore(logstoreInfo{
		Name: name, TTL: 30, ShardCount: max(1, shards), MaxSplitShard: defaultMaxSplitShard, Mode: defaultMode,
	}, s.nowLocked())
	s.keepLogstoreLocked(projectName, name)
}
