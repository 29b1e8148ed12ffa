package journal

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// folder is a state_path with the lines logged about it.
type folder struct {
	t      testing.TB
	path   string
	size   int64
	lines  bytes.Buffer
	slow   bool // the kernel has no PROCMAP_QUERY
	marks  uint64
	chunks int
}

func newFolder(t *testing.T) *folder { return &folder{t: t, path: t.TempDir(), marks: 1} }

// start starts an instance. The one before has ended, or was killed.
func (f *folder) start() *Journal {
	j := New(Config{Folder: f.path, Name: "sls.0", Size: f.size, Fingerprint: f.marks}, slog.New(slog.NewTextHandler(&f.lines, nil)))
	j.origins.slow.Store(f.slow)
	return j
}

// kill ends an instance as SIGKILL does: the kernel closes what it has open.
func (f *folder) kill(j *Journal) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	j.origins.close()
	_ = j.store.close()
}

// restart kills an instance and starts the next.
func (f *folder) restart(j *Journal) *Journal {
	f.kill(j)
	return f.start()
}

func (f *folder) file() string { return filepath.Join(f.path, "sls.0.state") }

// chunk is a chunk of filesystem storage, as the engine hands it over: within the
// mapping of its file, of which the name tells the age.
func (f *folder) chunk(content string, created time.Time) []byte {
	f.chunks++
	return f.mapped(fmt.Sprintf("7-%d.%4d.flb", created.Unix(), created.Nanosecond()/1000*1000+f.chunks), content)
}

func (f *folder) mapped(name, content string) []byte {
	const head = 100 // what chunkio writes before the content
	path := filepath.Join(f.t.TempDir(), name)
	require.NoError(f.t, os.WriteFile(path, append(make([]byte, head), content...), 0o600))
	file, err := os.Open(path)
	require.NoError(f.t, err)
	defer file.Close()
	b, err := syscall.Mmap(int(file.Fd()), 0, head+len(content), syscall.PROT_READ, syscall.MAP_SHARED)
	require.NoError(f.t, err)
	f.t.Cleanup(func() { _ = syscall.Munmap(b) })
	return b[head:]
}

func begin(j *Journal, chunk []byte) *Chunk { return j.Begin(Identify("tag", chunk), chunk, nil) }

// accept states that logs of segment 0 are accepted, which is all there is.
func accept(t *testing.T, j *Journal, c *Chunk, spans ...Span) {
	t.Helper()
	c.Cut(1)
	require.NoError(t, j.Accept([]Accepted{{Chunk: c, Spans: spans, Settled: true}}))
}

// both runs a test with the two ways of finding a chunk's file.
func both(t *testing.T, test func(t *testing.T, f *folder)) {
	for _, slow := range []bool{false, true} {
		t.Run(map[bool]string{false: "PROCMAP_QUERY", true: "list of mappings"}[slow], func(t *testing.T) {
			f := newFolder(t)
			f.slow = slow
			test(t, f)
		})
	}
}

func fmtID(id ID) string { return fmt.Sprintf("%x", id[:]) }
