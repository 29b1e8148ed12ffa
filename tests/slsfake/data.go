package slsfake

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// dataLog keeps what the server holds in one file, slsfake.log: a line of JSON for each
// log group that is stored, and for each change of a project or a logstore all that it
// is from then on. Reading the lines in order gives the state back.
//
// A line is queued under Server.mu, so that the order is that of the changes, and
// written without it, before the request that made it is answered. What is answered
// survives the end of the process; there is no fsync.
type dataLog struct {
	mu   sync.Mutex // guards file and err; held while lines are written
	file *os.File
	err  error // the first that writing met; nothing is written from then on

	queued []dataLine // guarded by Server.mu
}

// dataLine is one line. Exactly one field is set.
type dataLine struct {
	Project  *dataProject  `json:"project,omitempty"`
	Logstore *dataLogstore `json:"logstore,omitempty"`
	Group    *dataGroup    `json:"group,omitempty"`
}

type dataProject struct {
	Name        string    `json:"name"`
	Deleted     bool      `json:"deleted,omitempty"`
	Description string    `json:"description,omitempty"`
	Redundancy  string    `json:"redundancy,omitempty"`
	Created     time.Time `json:"created,omitzero"`
	Modified    time.Time `json:"modified,omitzero"`
}

type dataLogstore struct {
	Project string         `json:"project"`
	Name    string         `json:"name"`
	Deleted bool           `json:"deleted,omitempty"`
	Made    int64          `json:"made,omitempty"` // unix nanoseconds: tells one logstore of the name from the next
	Info    *logstoreInfo  `json:"info,omitempty"`
	Index   *dataIndex     `json:"index,omitempty"`
	Shards  []dataShard    `json:"shards,omitempty"`
	Groups  []dataConsumer `json:"groups,omitempty"`
}

type dataIndex struct {
	Set      map[string]json.RawMessage `json:"set"`
	Modified int64                      `json:"modified"`
}

// dataShard has the id of its place in the list.
type dataShard struct {
	ReadOnly bool      `json:"read_only,omitempty"`
	Begin    string    `json:"begin"`
	End      string    `json:"end"`
	Created  time.Time `json:"created"`
	Parents  []int     `json:"parents,omitempty"`
	Children []int     `json:"children,omitempty"`
	Base     int64     `json:"base"` // number of the first group kept
}

// dataConsumer is a consumer group. Members and leases are not kept: consumers join
// again, as they do when the service has forgotten them.
type dataConsumer struct {
	Name        string             `json:"name"`
	Timeout     time.Duration      `json:"timeout"` // nanoseconds
	Order       bool               `json:"order,omitempty"`
	Checkpoints map[int]Checkpoint `json:"checkpoints,omitempty"`
}

// dataGroup is one log group; its writer's names are those of Group.
type dataGroup struct {
	Project     string `json:"project"`
	Logstore    string `json:"logstore"`
	Shard       int    `json:"shard"`
	Received    int64  `json:"received"` // unix nanoseconds
	RequestID   string `json:"request_id,omitempty"`
	AccessKeyID string `json:"access_key_id,omitempty"`
	UserAgent   string `json:"user_agent,omitempty"`
	HashKey     string `json:"hash_key,omitempty"`
	Processor   string `json:"processor,omitempty"`
	SequenceID  uint64 `json:"sequence_id,omitempty"`
	Data        []byte `json:"data"` // base64
}

// DataFound is what OpenData found.
type DataFound struct {
	Logstores int
	Logs      int
	// Torn is how many bytes at the end belonged to a line that was not written to its
	// end, as when the machine stops. They are left out.
	Torn int
}

var errDataInUse = errors.New("another process uses it")

// OpenData makes the server hold what dir has, and keeps in dir all that changes from
// then on: projects, logstores with their shards and indexes, logs, sequence numbers,
// consumer groups and checkpoints. Members, leases, faults and statistics are not kept.
// A folder that does not exist is made. It must be called before anything is in the
// server, once. The error names the line that cannot be read.
func (s *Server) OpenData(dir string) (DataFound, error) {
	found, err := s.openData(dir)
	if err != nil {
		return found, fmt.Errorf("data %s: %w", dir, err)
	}
	return found, nil
}

func (s *Server) openData(dir string) (DataFound, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return DataFound{}, err
	}
	name := filepath.Join(dir, "slsfake.log")
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return DataFound{}, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return DataFound{}, errors.Join(errDataInUse, file.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	torn, err := s.readDataLocked(file)
	if err == nil && torn > 0 {
		var end int64
		if end, err = file.Seek(int64(-torn), io.SeekEnd); err == nil {
			err = file.Truncate(end)
		}
	}
	if err != nil {
		return DataFound{}, errors.Join(err, file.Close())
	}
	s.data = &dataLog{file: file}
	found := DataFound{Torn: torn}
	for _, p := range s.projects {
		for _, ls := range p.logstores {
			found.Logstores++
			for _, sh := range ls.shards {
				found.Logs += int(sh.logs)
			}
		}
	}
	return found, nil
}

// readDataLocked carries out the lines of r, and returns the length of a last one that
// was not written to its end.
func (s *Server) readDataLocked(r io.Reader) (torn int, err error) {
	lines := bufio.NewReaderSize(r, 1<<20)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return len(line), nil // nothing, or a line without its end
		}
		if err != nil {
			return 0, err
		}
		if err := s.replayLocked(line); err != nil {
			if _, next := lines.Peek(1); errors.Is(next, io.EOF) && !json.Valid(line) {
				return len(line), nil
			}
			return 0, fmt.Errorf("line %d: %w", n, err)
		}
	}
}

func (s *Server) replayLocked(line []byte) error {
	var l dataLine
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return err
	}
	switch {
	case l.Project != nil:
		s.replayProjectLocked(l.Project)
	case l.Logstore != nil:
		return s.replayLogstoreLocked(l.Logstore)
	case l.Group != nil:
		return s.replayGroupLocked(l.Group)
	default:
		return errors.New("neither a project nor a logstore nor a log group")
	}
	return nil
}

func (s *Server) replayProjectLocked(d *dataProject) {
	if d.Deleted {
		delete(s.projects, d.Name)
		return
	}
	p := s.projectLocked(d.Name)
	p.description, p.redundancy, p.created, p.modified = d.Description, d.Redundancy, d.Created, d.Modified
}

func (s *Server) replayLogstoreLocked(d *dataLogstore) error {
	p := s.projects[d.Project]
	if p == nil {
		return fmt.Errorf("logstore %s of project %q, which is not there", d.Name, d.Project)
	}
	if d.Deleted {
		delete(p.logstores, d.Name)
		return nil
	}
	if err := d.check(); err != nil {
		return fmt.Errorf("logstore %s: %w", d.Name, err)
	}
	ls := p.logstores[d.Name]
	if ls == nil || ls.made() != d.Made {
		ls = &logstore{next: -1}
		p.logstores[d.Name] = ls
	}
	ls.info, ls.index, ls.groups = *d.Info, nil, map[string]*consumerGroup{}
	if d.Index != nil {
		ix, err := readIndex(d.Index)
		if err != nil {
			return fmt.Errorf("logstore %s: index: %w", d.Name, err)
		}
		ls.index = ix
	}
	for id, ds := range d.Shards {
		s.replayShardLocked(ls, id, ds)
	}
	for _, dg := range d.Groups {
		g := newConsumerGroup(dg.Name, dg.Timeout, dg.Order)
		for id, cp := range dg.Checkpoints {
			g.checkpoints[id] = &cp
		}
		ls.groups[dg.Name] = g
	}
	return nil
}

// check refuses what the code relies upon and the lines of this server always have.
func (d *dataLogstore) check() error {
	if d.Info == nil || len(d.Shards) == 0 {
		return errors.New("no settings or no shards")
	}
	for id, sh := range d.Shards {
		begin, ok := parseKey(sh.Begin)
		end, okEnd := parseKey(sh.End)
		if !ok || !okEnd || begin > end || sh.Base < 0 {
			return fmt.Errorf("shard %d: range %s to %s, first number %d", id, sh.Begin, sh.End, sh.Base)
		}
		for _, other := range slices.Concat(sh.Parents, sh.Children) {
			if other < 0 || other >= len(d.Shards) || other == id {
				return fmt.Errorf("shard %d: relative %d", id, other)
			}
		}
	}
	for _, g := range d.Groups {
		for id := range g.Checkpoints {
			if id < 0 || id >= len(d.Shards) {
				return fmt.Errorf("consumer group %s: checkpoint of shard %d", g.Name, id)
			}
		}
	}
	return nil
}

// replayShardLocked brings a shard up to date, or makes it: with what its parents knew
// of sequence numbers then.
func (s *Server) replayShardLocked(ls *logstore, id int, d dataShard) {
	if id == len(ls.shards) {
		sh := &shard{id: id, begin: d.Begin, end: d.End, created: d.Created, parents: d.Parents, base: d.Base}
		ls.shards = append(ls.shards, sh)
		var parents []*shard
		for _, parent := range d.Parents {
			if parent < id {
				parents = append(parents, ls.shards[parent])
			}
		}
		s.inheritLocked(sh, parents...)
	}
	sh := ls.shards[id]
	sh.readOnly, sh.children = d.ReadOnly, d.Children
	sh.dropUntil(d.Base)
}

func (s *Server) replayGroupLocked(d *dataGroup) error {
	ls, refused := s.logstoreLocked(d.Project, d.Logstore)
	if refused != nil {
		return refused
	}
	sh := ls.shard(d.Shard)
	if sh == nil {
		return fmt.Errorf("log group of shard %d of %s/%s, which is not there", d.Shard, d.Project, d.Logstore)
	}
	facts, refused := verifyGroup(d.Data, groupLimits{})
	if refused != nil {
		return refused
	}
	w := &writer{
		requestID: d.RequestID, accessKeyID: d.AccessKeyID, userAgent: d.UserAgent,
		hashKey: d.HashKey, processor: d.Processor, sequence: d.SequenceID,
	}
	s.recordSequenceLocked(sh, w)
	sh.append(group{data: d.Data, received: d.Received, logs: int32(facts.logs), writer: w})
	return nil
}

func readIndex(d *dataIndex) (*index, error) {
	set, err := json.Marshal(d.Set)
	if err != nil {
		return nil, err
	}
	ix := &index{raw: d.Set, modified: d.Modified}
	return ix, json.Unmarshal(set, ix)
}

// made is when a logstore's first shard was made.
func (ls *logstore) made() int64 {
	if len(ls.shards) == 0 {
		return 0
	}
	return ls.shards[0].created.UnixNano()
}

// keepProjectLocked queues what a project is now; a project that is not there is
// deleted.
func (s *Server) keepProjectLocked(name string) {
	if s.data == nil {
		return
	}
	d := &dataProject{Name: name, Deleted: true}
	if p := s.projects[name]; p != nil {
		*d = dataProject{Name: name, Description: p.description, Redundancy: p.redundancy, Created: p.created, Modified: p.modified}
	}
	s.data.queued = append(s.data.queued, dataLine{Project: d})
}

// keepLogstoreLocked queues the present state of a logstore without its logs; one that is
// not there is deleted.
func (s *Server) keepLogstoreLocked(projectName, name string) {
	if s.data == nil {
		return
	}
	d := &dataLogstore{Project: projectName, Name: name, Deleted: true}
	if ls, err := s.logstoreLocked(projectName, name); err == nil {
		info := ls.info.clone()
		d.Deleted, d.Made, d.Info = false, ls.made(), &info
		if ls.index != nil {
			d.Index = &dataIndex{Set: ls.index.raw, Modified: ls.index.modified}
		}
		for _, sh := range ls.shards {
			d.Shards = append(d.Shards, dataShard{
				ReadOnly: sh.readOnly, Begin: sh.begin, End: sh.end, Created: sh.created,
				Parents: slices.Clone(sh.parents), Children: slices.Clone(sh.children), Base: sh.base,
			})
		}
		for _, groupName := range slices.Sorted(maps.Keys(ls.groups)) {
			g := ls.groups[groupName]
			dg := dataConsumer{Name: g.name, Timeout: g.timeout, Order: g.order, Checkpoints: map[int]Checkpoint{}}
			for id, cp := range g.checkpoints {
				dg.Checkpoints[id] = *cp
			}
			d.Groups = append(d.Groups, dg)
		}
	}
	s.data.queued = append(s.data.queued, dataLine{Logstore: d})
}

// keepGroupLocked queues a log group that has been stored.
func (s *Server) keepGroupLocked(projectName, logstoreName string, sh *shard, g group) {
	if s.data == nil {
		return
	}
	w := g.writer
	s.data.queued = append(s.data.queued, dataLine{Group: &dataGroup{
		Project: projectName, Logstore: logstoreName, Shard: sh.id, Received: g.received,
		RequestID: w.requestID, AccessKeyID: w.accessKeyID, UserAgent: w.userAgent,
		HashKey: w.hashKey, Processor: w.processor, SequenceID: w.sequence, Data: g.data,
	}})
}

// writeData writes what is queued. What could not be written is not in the file, and
// nothing that comes after it: the error stays.
func (s *Server) writeData() error {
	d := s.openedData()
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s.mu.Lock()
	lines := d.queued
	d.queued = nil
	s.mu.Unlock()
	if d.err != nil || len(lines) == 0 || d.file == nil {
		return d.err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	for _, l := range lines {
		if d.err = e.Encode(l); d.err != nil {
			return d.err
		}
	}
	_, d.err = d.file.Write(b.Bytes())
	return d.err
}

func (s *Server) openedData() *dataLog {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data
}

// DataErr is the first error that keeping data met, as of a full disk: from then on
// nothing is kept, and requests are answered with 500. nil before OpenData.
func (s *Server) DataErr() error {
	d := s.openedData()
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// closeData writes what methods have changed since the last request, and lets go of the
// file, once.
func (s *Server) closeData() {
	d := s.openedData()
	if d == nil {
		return
	}
	_ = s.writeData() // DataErr tells
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file != nil {
		d.err = errors.Join(d.err, d.file.Close())
		d.file = nil
	}
}
