package slsfake

import (
	"maps"
	"slices"
	"time"
)

// consumerGroup is the state of one group of a logstore.
type consumerGroup struct {
	name    string
	timeout time.Duration
	order   bool

	members     map[string]*member
	leases      map[int]*lease // by shard; no entry = free
	checkpoints map[int]*Checkpoint
	history     []CheckpointWrite
	grants      []Grant
}

// member is a consumer that has sent a heartbeat within the timeout.
type member struct {
	name   string
	beat   time.Time // of the last heartbeat
	listed []int     // shards it said it holds
}

// lease says that shard belongs to owner. A revoked lease still does: nobody
// else gets the shard before its owner stops listing it or expires.
type lease struct {
	owner   string
	revoked bool
}

// Checkpoint is a group's position in a shard.
type Checkpoint struct {
	Cursor     string    // as written: base64
	Number     int64     // decoded: number of the next group to read
	Consumer   string    // who wrote it
	UpdateTime time.Time // server's clock
}

// CheckpointWrite is one accepted write of a checkpoint.
type CheckpointWrite struct {
	Checkpoint
	Shard     int
	Owner     string // who held the shard then; "" = nobody
	Force     bool
	RequestID string
	At        time.Time // machine's clock
}

// Grant is the begin of one lease: from then on the shard is the consumer's,
// until the next grant at the longest.
type Grant struct {
	Shard    int
	Consumer string
	At       time.Time // machine's clock
}

func newConsumerGroup(name string, timeout time.Duration, order bool) *consumerGroup {
	return &consumerGroup{
		name: name, timeout: timeout, order: order,
		members: map[string]*member{}, leases: map[int]*lease{}, checkpoints: map[int]*Checkpoint{},
	}
}

// groupLocked finds the logstore and group a request names.
func (s *Server) groupLocked(r *request) (*logstore, *consumerGroup, *apiError) {
	ls, err := s.logstoreLocked(r.project, r.logstore)
	if err != nil {
		return nil, nil, err
	}
	g := ls.groups[r.group]
	if g == nil {
		return nil, nil, fail(codeConsumerGroupNotExist, "consumer group %s does not exist", r.group)
	}
	return ls, g, nil
}

// expire removes the members whose last heartbeat is timeout ago and frees
// their shards.
func (g *consumerGroup) expire(now time.Time) {
	for name, m := range g.members {
		if now.Sub(m.beat) >= g.timeout {
			g.remove(name)
		}
	}
}

func (g *consumerGroup) remove(name string) {
	delete(g.members, name)
	maps.DeleteFunc(g.leases, func(_ int, l *lease) bool { return l.owner == name })
}

// leasesOf are the shards a member has, revoked ones included, in order.
func (g *consumerGroup) leasesOf(name string) []int {
	var ids []int
	for id, l := range g.leases {
		if l.owner == name {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// groupBody is what create and update are sent.
type groupBody struct {
	Name    string `json:"consumerGroup"`
	Timeout *int   `json:"timeout"` // seconds
	Order   *bool  `json:"order"`
}
