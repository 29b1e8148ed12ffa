package slsfake

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// open returns a server that keeps what it holds in dir.
func open(t *testing.T, dir string) (*Server, DataFound) {
	s := New(Config{})
	t.Cleanup(s.Close)
	found, err := s.OpenData(dir)
	require.NoError(t, err)
	return s, found
}

// what shows all that a restart must not change.
func what(s *Server) []any {
	var out []any
	for _, project := range []string{"proj", "other", "gone"} {
		for _, name := range s.Logstores(project) {
			var shards []Shard
			for _, sh := range s.Shards(project, name) {
				sh.CreateTime = sh.CreateTime.UTC().Round(0)
				shards = append(shards, sh)
			}
			var logs []Log
			for _, l := range s.Logs(project, name) {
				l.Received = l.Received.UTC()
				logs = append(logs, l)
			}
			var groups []ConsumerGroup
			points := map[string]map[int]Checkpoint{}
			for _, g := range s.ConsumerGroups(project, name) {
				g.Members = nil
				groups = append(groups, g)
				for id, cp := range s.Checkpoints(project, name, g.Name) {
					cp.UpdateTime = cp.UpdateTime.UTC().Round(0)
					if points[g.Name] == nil {
						points[g.Name] = map[int]Checkpoint{}
					}
					points[g.Name][id] = cp
				}
			}
			var ix any
			if i := s.projects[project].logstores[name].index; i != nil {
				ix = i.raw
			}
			out = append(out, project, name, shards, logs, groups, points, s.Sequences(project, name), ix)
		}
	}
	return out
}

// fill makes one of everything that is kept, by requests and by methods.
func fill(t *testing.T, s *Server) {
	s.CreateLogstore("proj", "store", 2)
	c := newClient(t, s)
	c.put("a", "b")
	require.Equal(t, 200, c.do(batchReq("lz4", packed(logGroup("c"), "lz4"), packed(logGroup("d"), "lz4"))).status)
	for _, key := range []string{lowKey, highKey} {
		require.Equal(t, 200, c.do(sequenceReq(key, "7", "e")).status)
	}
	require.Equal(t, 200, c.do(req{method: "POST", uri: shardURI(0, "action=split")}).status)
	require.Equal(t, 200, c.do(sequenceReq(lowKey, "9", "f")).status)
	require.NoError(t, s.CreateIndex("proj", "store"))
	create := map[string]any{"consumerGroup": "group", "timeout": 30, "order": true}
	require.Equal(t, 200, c.sendJSON("POST", "/logstores/store/consumergroups", create).status)
	end := encodeCursor(s.Shards("proj", "store")[0].End)
	require.Equal(t, 200, c.sendJSON("POST", "/logstores/store/consumergroups/group?type=checkpoint&forceSuccess=true",
		map[string]any{"shard": 0, "checkpoint": end}).status)
	require.NoError(t, s.TrimShard("proj", "store", 1, s.Shards("proj", "store")[1].Begin+1))
	s.CreateLogstore("other", "replaced", 1)
	_, _, err := s.Append("other", "replaced", "", logGroup("old"))
	require.NoError(t, err)
	s.CreateLogstore("other", "replaced", 3)
	_, _, err = s.Append("other", "replaced", highKey, logGroup("new"))
	require.NoError(t, err)
	s.CreateLogstore("other", "deleted", 1)
	require.NoError(t, s.DeleteLogstore("other", "deleted"))
	s.CreateLogstore("gone", "store", 1)
	c.host = "gone.emu.local"
	require.Equal(t, 200, c.do(req{method: "DELETE", uri: "/"}).status)
}

func TestDataOverARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "by it")
	s, found := open(t, dir)
	require.Equal(t, DataFound{}, found)
	fill(t, s)
	want := what(s)
	s.Close()
	require.NoError(t, s.DataErr())

	for range 2 {
		again, found := open(t, dir)
		require.Equal(t, DataFound{Logstores: 2, Logs: again.LogCount("proj", "store") + 1}, found)
		require.Equal(t, want, what(again))
		require.Empty(t, again.ConsumerGroups("proj", "store")[0].Members)
		c := newClient(t, again)
		require.Equal(t, "InvalidSequenceId", c.do(sequenceReq(lowKey, "9", "again")).code)
		again.Close()
	}
	// It goes on with what it found.
	last, _ := open(t, dir)
	newClient(t, last).put("later")
	n := last.LogCount("proj", "store")
	last.Close()
	end, _ := open(t, dir)
	require.Equal(t, n, end.LogCount("proj", "store"))
}

// A write that has been answered is in the file, whatever becomes of the process.
func TestDataIsWrittenBeforeTheAnswer(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	s.CreateLogstore("proj", "store", 1)
	newClient(t, s).put("a")
	copied := t.TempDir()
	b, err := os.ReadFile(filepath.Join(dir, "slsfake.log"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(copied, "slsfake.log"), b, 0o600))
	again, _ := open(t, copied)
	require.Equal(t, what(s), what(again))
}

// A line that is not whole is left out, said, and not in the way of the next.
func TestTornData(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "slsfake.log")
	s, _ := open(t, dir)
	s.CreateLogstore("proj", "store", 1)
	c := newClient(t, s)
	c.put("a")
	c.put("b")
	s.Close()
	whole, err := os.ReadFile(name)
	require.NoError(t, err)
	lastLine := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for cut := lastLine + 1; cut < len(whole); cut += 17 {
		require.NoError(t, os.WriteFile(name, whole[:cut], 0o600))
		s, found := open(t, dir)
		require.Equal(t, DataFound{Logstores: 1, Logs: 1, Torn: cut - lastLine}, found)
		newClient(t, s).put("c")
		s.Close()
		s, found = open(t, dir)
		require.Equal(t, DataFound{Logstores: 1, Logs: 2}, found)
		s.Close()
	}
	zeros := append(append(whole[:lastLine:lastLine], make([]byte, 100)...), '\n')
	require.NoError(t, os.WriteFile(name, zeros, 0o600))
	s, found := open(t, dir)
	require.Equal(t, 101, found.Torn)
	s.Close()

	// Anywhere else it is an error that names the line, and the file stays as it is.
	bad := append([]byte("{\"what\":1}\n"), whole...)
	require.NoError(t, os.WriteFile(name, bad, 0o600))
	_, err = New(Config{}).OpenData(dir)
	require.ErrorContains(t, err, "data "+dir+": line 1: ")
	after, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, bad, after)
}

func TestDataIsOneProcesss(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	_, err := New(Config{}).OpenData(dir)
	require.ErrorContains(t, err, "another process uses it")
	s.Close()
	open(t, dir)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = New(Config{}).OpenData(file)
	require.ErrorContains(t, err, "not a directory")
}

// A write that could not be kept is not answered with 200.
func TestDataCannotBeWritten(t *testing.T) {
	s, _ := open(t, t.TempDir())
	s.CreateLogstore("proj", "store", 1)
	c := newClient(t, s)
	c.put("a")
	require.NoError(t, s.data.file.Close()) // as a disk that fails
	for range 2 {
		res := c.do(putReq("/logstores/store", logGroup("b"), ""))
		require.Equal(t, []any{500, "InternalServerError"}, []any{res.status, res.code})
	}
	require.Error(t, s.DataErr())
	require.NotEmpty(t, s.state().Data)
}

// FuzzData: no line breaks the server, and what it accepts it can show and write again.
func FuzzData(f *testing.F) {
	s := New(Config{})
	s.data = &dataLog{}
	s.CreateLogstore("proj", "store", 2)
	if _, _, err := s.Append("proj", "store", "", logGroup("a")); err != nil {
		f.Fatal(err)
	}
	if err := s.SplitShard("proj", "store", 0, ""); err != nil {
		f.Fatal(err)
	}
	s.projects["proj"].logstores["store"].groups["g"] = newConsumerGroup("g", time.Second, true)
	s.projects["proj"].logstores["store"].groups["g"].checkpoints[1] = &Checkpoint{Cursor: encodeCursor(1), Number: 1}
	s.keepLogstoreLocked("proj", "store")
	var lines []byte
	for _, l := range s.data.queued {
		b, err := json.Marshal(l)
		if err != nil {
			f.Fatal(err)
		}
		lines = append(append(lines, b...), '\n')
		f.Add(append([]byte(nil), lines...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := New(Config{})
		_, err := s.readDataLocked(bytes.NewReader(b))
		if err != nil {
			return
		}
		s.state()
		s.data = &dataLog{}
		for name, p := range s.projects {
			for logstore := range p.logstores {
				s.Logs(name, logstore)
				s.keepLogstoreLocked(name, logstore)
			}
		}
		for _, l := range s.data.queued {
			_, err := json.Marshal(l)
			require.NoError(t, err)
		}
	})
}
