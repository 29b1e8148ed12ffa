package flbhost

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A chunk in a file reaches the plugin as its content, nothing before and nothing behind it.
func TestFlushFile(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{Workers: 2})
	ins := initialize(t, h, load(t, h, "out"), map[string]string{"id": "a"})
	for n, size := range []int{0, 1, 4096, 1 << 20} {
		chunk := bytes.Repeat([]byte("chunk"), size/5+1)[:size]
		path, err := WriteChunk(t.TempDir(), ChunkName(7, time.Unix(1_700_000_000, int64(n))), "app.log", chunk)
		require.NoError(t, err)
		for range 3 { // a chunk comes back
			result, err := ins.FlushFile(t.Context(), "echo.kube.x", path)
			require.NoError(t, err)
			require.Equal(t, OK, result)
		}
		sum := fnv.New32a()
		_, _ = sum.Write(chunk)
		require.Equal(t, 3, logs.count(fmt.Sprintf("a: echo.kube.x size=%d sum=%08x", size, sum.Sum32())))
	}
	exit(t, h)
}

func TestFlushOfNoChunkFile(t *testing.T) {
	t.Parallel()
	h, _ := start(t, Options{})
	ins := initialize(t, h, load(t, h, "out"), nil)
	short, foreign := filepath.Join(t.TempDir(), "short"), filepath.Join(t.TempDir(), "foreign")
	require.NoError(t, os.WriteFile(short, []byte{0xc1, 0}, 0o600))
	require.NoError(t, os.WriteFile(foreign, make([]byte, 100), 0o600))
	for _, path := range []string{"nowhere", short, foreign} {
		_, err := ins.FlushFile(t.Context(), "x", path)
		require.ErrorContains(t, err, "no file of a chunk", path)
	}
	exit(t, h)
}

// The forms are the engine's: of three digits and less the nanoseconds have spaces before them.
func TestChunkName(t *testing.T) {
	require.Equal(t, "4711-1700000000.123456789.flb", ChunkName(4711, time.Unix(1_700_000_000, 123456789)))
	require.Equal(t, "1-1700000000.  17.flb", ChunkName(1, time.Unix(1_700_000_000, 17)))
}
