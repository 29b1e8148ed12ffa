package slsfake

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The official Node client: `make setup` brings it to build/node where there is npm.
// node/client.js makes each of its calls and checks the answers; here is what the
// emulator saw of them.
func TestNodeClient(t *testing.T) {
	modules, err := filepath.Abs("../../build/node/node_modules")
	require.NoError(t, err)
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(modules, "@alicloud/log"))
	}
	if err != nil {
		fmt.Println("report: the Node client was not tried: no node on the PATH or no client from make setup")
		return
	}
	s := New(Config{})
	t.Cleanup(s.Close)
	s.CreateProject("proj")
	s.AddKey("sts", "secret", "token")
	url, err := s.Listen("127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "node/client.js", strings.TrimPrefix(url, "http://"))
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "ok 16 calls\n", string(out))

	logs := s.Logs("proj", "logs")
	require.Len(t, logs, 3)
	ns := uint32(7)
	byTime := map[uint32]Log{}
	for _, l := range logs {
		require.Equal(t, []any{"10.0.0.1", map[string]string{"host": "n1", "日": "志"}}, []any{l.Source, l.Tags})
		byTime[l.Time] = l
	}
	require.Equal(t, []Pair{{"level", "error"}, {"message", "GET /index refused"}, {"status", "500"}}, byTime[1002].Contents)
	require.Equal(t, &ns, byTime[1002].TimeNs)
	require.Equal(t, []Pair{{"level", "info"}, {"message", "connected"}, {"empty", ""}}, byTime[1001].Contents)
	require.Equal(t, "db", byTime[1001].Topic)
	require.Equal(t, []string{"logs"}, s.Logstores("proj"))
	require.Zero(t, s.Stats().Ops[OpUnknown].Requests)
	require.Equal(t, map[int]int{http.StatusOK: 3, http.StatusNotFound: 1}, s.Stats().Ops[OpPutLogs].ByStatus)
	require.Equal(t, map[int]int{http.StatusOK: 2, http.StatusNotFound: 1, http.StatusUnauthorized: 3}, s.Stats().Ops[OpGetProject].ByStatus)
}
