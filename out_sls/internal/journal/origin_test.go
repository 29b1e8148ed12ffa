package journal

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOriginOfAChunk(t *testing.T) {
	for _, name := range []string{
		"/buf/tail.0/7-1700000000.123456789.flb",
		"/buf/tail.0/7-1700000000.  12.flb",
		"/a b/tail.0/7-1700000000.123456789.flb (deleted)",
	} {
		require.NotZero(t, originOf(name), name)
	}
	require.Equal(t, originOf("/a/7-1.2345.flb"), originOf("/b/7-1.2345.flb"), "a folder can be mounted elsewhere")
	require.NotEqual(t, originOf("/a/7-1.2345.flb"), originOf("/a/7-1.2346.flb"))
	for _, name := range []string{"", "/", "/lib/libc.so.6", "/buf/7-1.flb", "/buf/x-1.2.flb", "/buf/7-1.2.flb.gz", "/7-99999999999999999999.1.flb"} {
		require.Zero(t, originOf(name), name)
	}
}

// Whichever way the kernel tells it.
func TestOriginIsFound(t *testing.T) {
	f := newFolder(t)
	chunk := f.mapped("7-1700000000.  12.flb", strings.Repeat("records", 10_000))
	other := f.mapped("notes.txt", "records")
	for _, slow := range []bool{false, true} {
		o := newOrigins()
		o.slow.Store(slow)
		require.Equal(t, originOf("7-1700000000.  12.flb"), o.find(chunk))
		require.Equal(t, originOf("7-1700000000.  12.flb"), o.find(chunk[50_000:]))
		require.Zero(t, o.find(other))
		require.Zero(t, o.find([]byte("records")))
		require.Zero(t, o.find(nil))
		_, known := o.quick(chunk)
		require.Equal(t, !o.slow.Load(), known)
		o.close()
	}
}

// A kernel that knows no PROCMAP_QUERY is asked once.
func TestOriginIsFoundOnAnOldKernel(t *testing.T) {
	f := newFolder(t)
	chunk := f.mapped("7-1700000000.  12.flb", "records")
	o := newOrigins()
	defer o.close()
	maps := o.maps
	defer maps.Close()
	null := must(os.Open(os.DevNull)) // ENOTTY
	o.maps = null
	require.Equal(t, originOf("7-1700000000.  12.flb"), o.find(chunk))
	require.True(t, o.slow.Load())
}

func FuzzMappedFile(f *testing.F) {
	list := must(os.ReadFile("/proc/self/maps"))
	f.Add(string(list), uint64(0x400000))
	f.Add("1000-2000 r--p 0 00:00 0 /buf/7-1.  12.flb\n", uint64(0x1800))
	f.Fuzz(func(t *testing.T, list string, at uint64) {
		name := mappedFiles(strings.NewReader(list), []uintptr{uintptr(at)})[0]
		if name != "" {
			require.Contains(t, list, name)
		}
		originOf(name)
	})
}
