package journal

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// A process that is killed in the middle leaves everything that it was told is on file.
func TestRealKill(t *testing.T) {
	if folder := os.Getenv("JOURNAL_KILL_TEST"); folder != "" {
		stateForEver(t, folder)
	}
	f := newFolder(t)
	f.size = 64 << 20
	chunk := f.mapped(killedChunk, "records")
	stated := 0
	for range 3 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRealKill$")
		cmd.Env = append(os.Environ(), "JOURNAL_KILL_TEST="+f.path, "FROM="+strconv.Itoa(stated))
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for wanted := stated + 2000; stated < wanted && lines.Scan(); {
			stated, err = strconv.Atoi(lines.Text())
			require.NoError(t, err)
		}
		require.NoError(t, cmd.Process.Kill())
		for lines.Scan() { // said before it died
			if n, err := strconv.Atoi(lines.Text()); err == nil {
				stated = n
			}
		}
		_ = cmd.Wait()
	}
	require.GreaterOrEqual(t, stated, 6000)
	j := f.start()
	c := begin(j, chunk)
	for n := range stated {
		require.Equal(t, []Span{all}, c.Accepted(n), "segment %d", n)
	}
	f.kill(j)
}

const killedChunk = "7-1700000000.  12.flb"

// stateForEver states one segment after the other, and says each on a line.
func stateForEver(t *testing.T, path string) {
	f := newFolder(t)
	f.path, f.size = path, 64<<20
	j := f.start()
	c := begin(j, f.mapped(killedChunk, "records"))
	from, err := strconv.Atoi(os.Getenv("FROM"))
	require.NoError(t, err)
	for n := from; ; n++ {
		require.NoError(t, j.Accept([]Accepted{{Chunk: c, Segment: n, Spans: []Span{all}}}))
		_, _ = os.Stdout.WriteString(strconv.Itoa(n+1) + "\n")
	}
}
