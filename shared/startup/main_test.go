package startup

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/slsfake"
)

const (
	testKey    = "LTAItestkey"
	testSecret = "s3cret-do-not-show"
	testToken  = "t0ken-do-not-show"
)

func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"} {
		_ = os.Unsetenv(name)
	}
	goleak.VerifyTestMain(m)
}

// rig is one section against an emulator with the logstore p/app.
type rig struct {
	cloud    *slsfake.Server
	endpoint string
	props    option.Map // of the section
	project  string
	logstore string
	named    bool // by options, not by records
	log      lines
	client   *sls.Client
}

func newRig(t *testing.T) *rig {
	r := &rig{
		cloud:   slsfake.New(slsfake.Config{AccessKeyID: testKey, AccessKeySecret: testSecret, Region: "cn-test"}),
		project: "proj", logstore: "app", named: true,
	}
	t.Cleanup(r.cloud.Close)
	var err error
	r.endpoint, err = r.cloud.Listen("127.0.0.1:0")
	require.NoError(t, err)
	r.cloud.CreateLogstore("proj", "app", 1)
	r.props = option.Map{"endpoint": r.endpoint, "access_key_id": testKey, "access_key_secret": testSecret}
	return r
}

// refuse makes the emulator answer every call with this.
func (r *rig) refuse(status int, code, message string) {
	r.cloud.Hook("", func(c *slsfake.Call) { c.Fail(status, code, message) })
}

// check is the section's check of an output.
func (r *rig) check(t *testing.T, mode string) *Check {
	t.Helper()
	var conn sls.ConnectionConfig
	props := maps.Clone(r.props)
	require.NoError(t, option.Parse(props, conn.Options()))
	require.NoError(t, conn.Validate())
	client, err := sls.New(conn.ClientConfig("test", 1, nil))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	r.client = client
	to := Target{
		Project: r.project, Logstore: r.logstore, Action: "log:PostLogStoreLogs",
		Call: client.Logstore(r.project, r.logstore).CheckWrite,
	}
	if r.named {
		to.ProjectOption, to.LogstoreOption = "project", "logstore"
	}
	return &Check{
		Mode: mode, Conn: &conn, Client: client, Targets: []Target{to}, Verb: "written to",
		Log: r.logger(),
	}
}

func (r *rig) logger() *slog.Logger { return slog.New(slog.NewTextHandler(&r.log, nil)) }

// findings are the sentences of the check, which has made all its calls.
func (r *rig) findings(t *testing.T) []string {
	t.Helper()
	return r.check(t, Fail).run(context.Background())
}

// lines is a log.
type lines struct {
	mu    sync.Mutex // guards buf
	buf   bytes.Buffer
	wrote chan struct{} // closed after the first line, if there is one
	once  sync.Once
}

// Write implements io.Writer.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wrote != nil {
		defer l.once.Do(func() { close(l.wrote) })
	}
	return l.buf.Write(b)
}

func (l *lines) with(words ...string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.buf.String()) {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			found = append(found, line)
		}
	}
	return found
}

func nothing(http.ResponseWriter, *http.Request) {}
