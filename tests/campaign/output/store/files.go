package store

import (
	"os"
	"path/filepath"
	"strconv"
	"time"

	"fluent-bit-sls/tests/campaign/report"
	"fluent-bit-sls/tests/flbhost"
)

// maxHeld is how many acknowledged chunks a feed keeps for another output. Of more the other
// output takes the oldest, or the engine drops it where that output is down for the whole run.
const (
	maxHeld      = 20
	maxHeldAll   = 150
	maxHeldSmall = 400
)

// most is how many the feed keeps.
func (f *Feed) most() int {
	switch {
	case f.Small:
		return maxHeldSmall
	case f.HoldAll:
		return maxHeldAll
	}
	return maxHeld
}

// files are those of a feed's chunks, as in Fluent Bit's filesystem storage. A second output
// of the engine is down for most of the time: what the first has acknowledged stays until
// the second has it. The zero value keeps chunks in memory.
type files struct {
	dir      string
	failures *report.Failures
	held     []*Chunk // acknowledged, oldest first
}

// KeepFiles makes the feed keep its chunks in files below dir, in a folder of its own.
func (f *Feed) KeepFiles(dir string, failures *report.Failures) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files = files{dir: filepath.Join(dir, "storage-"+strconv.Itoa(f.Number)), failures: failures}
	f.files.check(os.MkdirAll(f.files.dir, 0o700))
}

// write writes the file of a new chunk. Its name says that it was made at that time.
func (s *files) write(c *Chunk, at time.Time) {
	if s.dir == "" {
		return
	}
	var err error
	c.Path, err = flbhost.WriteChunk(s.dir, flbhost.ChunkName(os.Getpid(), at), c.Tag, c.Data)
	s.check(err)
}

// hold keeps a chunk for the other output.
func (s *files) hold(c *Chunk, most int) {
	s.held = append(s.held, c)
	if len(s.held) > most {
		s.remove(s.held[0])
		s.held = s.held[1:]
	}
}

// backlog returns the chunks that were held, and holds none of them any more.
func (s *files) backlog() []*Chunk {
	held := s.held
	s.held = nil
	return held
}

// remove removes the file of a chunk that every output has.
func (s *files) remove(c *Chunk) {
	if c.Path != "" {
		s.check(os.Remove(c.Path))
	}
}

func (s *files) check(err error) {
	if err != nil {
		s.failures.Addf("chunk store: %v", err)
	}
}
