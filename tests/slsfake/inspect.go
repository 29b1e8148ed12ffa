package slsfake

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Shard is a shard as inspection shows it.
type Shard struct {
	ID         int
	ReadOnly   bool
	BeginKey   string    // 32 lower-case hex digits, inclusive
	EndKey     string    // exclusive, except ffff..ff
	CreateTime time.Time // server's clock
	Parents    []int     // ids: one of a split, two of a merge, none of the first shards
	Children   []int     // ids; none while it is read-write
	Begin      int64     // number of the first group kept; EncodeCursor makes a cursor of it
	End        int64     // number of the next group to be written
	Bytes      int64     // raw, of the groups kept
	Logs       int64     // of the groups kept
}

// Group is one stored LogGroup. Those of Append name no request, key or user agent.
type Group struct {
	Shard       int
	Cursor      int64  // its number; EncodeCursor makes the cursor that pulls it
	Data        []byte // encoded LogGroup exactly as written; read only
	LogCount    int
	Received    time.Time // server's clock
	RequestID   string
	AccessKeyID string
	UserAgent   string
	HashKey     string // "" = load-balanced
	Processor   string // named by the request; "" = none
	SequenceID  uint64 // of the request; 0 = none
}

// ConsumerGroup is a consumer group as inspection shows it.
type ConsumerGroup struct {
	Name    string
	Timeout time.Duration
	Order   bool
	Members []Member // live ones, by name
}

// Member is one live consumer.
type Member struct {
	Name          string
	LastHeartbeat time.Time // machine's clock
	Expires       time.Time // LastHeartbeat and the group's timeout
	Listed        []int     // what its last heartbeat listed
	Holds         []int     // what it was told to hold
	Revoked       []int     // taken away, but not yet let go of
}

// EncodeCursor makes the cursor of a group's number.
func EncodeCursor(n int64) string { return encodeCursor(n) }

// DecodeCursor reads a cursor's number.
func DecodeCursor(cursor string) (int64, error) {
	n, ok := decodeCursor(cursor)
	if !ok {
		return 0, fmt.Errorf("decode cursor %q: not the base64 of a decimal number", cursor)
	}
	return n, nil
}

// Groups calls yield for every stored group, shard by shard in the order of
// writing, until it returns false. Groups written meanwhile may be missed.
// Nothing is called for a logstore that does not exist.
func (s *Server) Groups(projectName, logstoreName string) func(yield func(Group) bool) {
	return func(yield func(Group) bool) {
		type view struct {
			base   int64
			groups []group
		}
		var views []view
		s.mu.Lock()
		if ls, err := s.logstoreLocked(projectName, logstoreName); err == nil {
			for _, sh := range ls.shards {
				views = append(views, view{sh.base, sh.groups})
			}
		}
		s.mu.Unlock()
		for shardID, v := range views {
			for i, g := range v.groups {
				if !yield(Group{
					Shard: shardID, Cursor: v.base + int64(i), Data: g.data, LogCount: int(g.logs),
					Received: time.Unix(0, g.received), RequestID: g.writer.requestID,
					AccessKeyID: g.writer.accessKeyID, UserAgent: g.writer.userAgent, HashKey: g.writer.hashKey,
					Processor: g.writer.processor, SequenceID: g.writer.sequence,
				}) {
					return
				}
			}
		}
	}
}

// EachLog is Logs without a slice: for logstores that hold millions.
func (s *Server) EachLog(projectName, logstoreName string) func(yield func(Log) bool) {
	return func(yield func(Log) bool) {
		for g := range s.Groups(projectName, logstoreName) {
			common := Log{
				Shard: g.Shard, Cursor: g.Cursor, Received: g.Received, RequestID: g.RequestID,
				AccessKeyID: g.AccessKeyID, UserAgent: g.UserAgent, HashKey: g.HashKey,
			}
			if !decodeGroup(g.Data, common, yield) {
				return
			}
		}
	}
}

// Logs decodes every stored log, shard by shard in the order of writing.
func (s *Server) Logs(projectName, logstoreName string) []Log {
	return slices.Collect(s.EachLog(projectName, logstoreName))
}

// LogCount is len(Logs) without decoding.
func (s *Server) LogCount(projectName, logstoreName string) int {
	n := 0
	for _, sh := range s.Shards(projectName, logstoreName) {
		n += int(sh.Logs)
	}
	return n
}

// Shards returns all shards by id; nil when the logstore does not exist.
func (s *Server) Shards(projectName, logstoreName string) []Shard {
	s.mu.Lock()
	defer s.mu.Unlock()
	ls, err := s.logstoreLocked(projectName, logstoreName)
	if err != nil {
		return nil
	}
	var out []Shard
	for _, sh := range ls.shards {
		out = append(out, Shard{
			ID: sh.id, ReadOnly: sh.readOnly, BeginKey: sh.begin, EndKey: sh.end, CreateTime: sh.created,
			Parents: slices.Clone(sh.parents), Children: slices.Clone(sh.children),
			Begin: sh.base, End: sh.endNumber(), Bytes: sh.bytes, Logs: sh.logs,
		})
	}
	return out
}

// Logstores returns the names of a project's logstores in order.
func (s *Server) Logstores(projectName string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.projects[projectName]
	if p == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(p.logstores))
}

// ConsumerGroups returns a logstore's consumer groups by name, their expired
// members left out.
func (s *Server) ConsumerGroups(projectName, logstoreName string) []ConsumerGroup {
	s.mu.Lock()
	defer s.mu.Unlock()
	ls, err := s.logstoreLocked(projectName, logstoreName)
	if err != nil {
		return nil
	}
	now := time.Now()
	var out []ConsumerGroup
	for _, g := range ls.groups {
		g.expire(now)
		v := ConsumerGroup{Name: g.name, Timeout: g.timeout, Order: g.order}
		for _, m := range g.members {
			v.Members = append(v.Members, g.view(m))
		}
		slices.SortFunc(v.Members, func(a, b Member) int { return cmp.Compare(a.Name, b.Name) })
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b ConsumerGroup) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func (g *consumerGroup) view(m *member) Member {
	v := Member{
		Name: m.name, LastHeartbeat: m.beat, Expires: m.beat.Add(g.timeout), Listed: slices.Clone(m.listed),
	}
	for _, id := range g.leasesOf(m.name) {
		if g.leases[id].revoked {
			v.Revoked = append(v.Revoked, id)
		} else {
			v.Holds = append(v.Holds, id)
		}
	}
	return v
}

// Checkpoints returns a group's checkpoints by shard; shards without one are
// left out.
func (s *Server) Checkpoints(projectName, logstoreName, groupName string) map[int]Checkpoint {
	out := map[int]Checkpoint{}
	s.withGroup(projectName, logstoreName, groupName, func(g *consumerGroup) {
		for id, cp := range g.checkpoints {
			out[id] = *cp
		}
	})
	return out
}

// CheckpointHistory returns every accepted checkpoint write of a group, oldest
// first.
func (s *Server) CheckpointHistory(projectName, logstoreName, groupName string) []CheckpointWrite {
	var out []CheckpointWrite
	s.withGroup(projectName, logstoreName, groupName, func(g *consumerGroup) { out = slices.Clone(g.history) })
	return out
}

// GrantHistory returns every lease of a group ever begun, oldest first.
func (s *Server) GrantHistory(projectName, logstoreName, groupName string) []Grant {
	var out []Grant
	s.withGroup(projectName, logstoreName, groupName, func(g *consumerGroup) { out = slices.Clone(g.grants) })
	return out
}

// withGroup calls fn with the lock held, if the group exists.
func (s *Server) withGroup(projectName, logstoreName, groupName string, fn func(*consumerGroup)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &request{project: projectName, route: route{logstore: logstoreName, group: groupName}}
	if _, g, err := s.groupLocked(r); err == nil {
		fn(g)
	}
}
