package e2e

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/conf"
)

// The configurations of conf/ as users have them, under the real Fluent Bit.
const confDir = "../../conf"

// realHosts are the Fluent Bits there are: without one, what conf/ holds is checked by
// the plugins' own tests only, and the last line of all tests says so.
func realHosts() (found []*fluentBit) {
	for _, h := range hosts[1:] {
		found = append(found, h.(*fluentBit))
	}
	return found
}

// has tells which plugins f was built with, as "input tail".
func (f *fluentBit) has(t *testing.T) map[string]bool {
	t.Helper()
	help, err := exec.CommandContext(t.Context(), f.bin, "-h").CombinedOutput()
	require.NoError(t, err)
	found, kind := map[string]bool{}, ""
	for line := range strings.Lines(string(help)) {
		line = regexp.MustCompile(`\x1b\[[0-9;]*m`).ReplaceAllString(strings.TrimRight(line, "\n"), "")
		switch name, isSection := strings.CutSuffix(strings.ToLower(line), "s"); {
		case isSection && slices.Contains([]string{conf.Input, conf.Filter, conf.Output}, name):
			kind = name
		case strings.HasPrefix(line, "  ") && kind != "":
			found[kind+" "+strings.Fields(line)[0]] = true
		case line != "":
			kind = ""
		}
	}
	require.Contains(t, found, "output file", "%s -h:\n%s", f.bin, help)
	return found
}

// lacks returns the plugins of Fluent Bit that a file of conf/ needs and f was built
// without.
func (f *fluentBit) lacks(t *testing.T, file string) []string {
	t.Helper()
	sections, err := conf.Read(filepath.Join(confDir, file))
	require.NoError(t, err)
	require.NotEmpty(t, sections, file)
	have, missing := f.has(t), map[string]bool{}
	for _, s := range sections {
		plugin := s.Kind + " " + s.Name
		if s.Name != "" && s.Name != "sls" && s.Kind != conf.Parser && !have[plugin] {
			missing[plugin] = true
		}
	}
	return slices.Sorted(maps.Keys(missing))
}

// trial is a configuration with the paths and ports of a test.
type trial struct {
	dir  string // stands for /var, as dir/lib/fluent-bit and dir/log
	file string
	env  []string
}

// try prepares a file of conf/. Beside paths and ports it is changed only by what replaced
// says, in pairs of old and new text.
func try(t *testing.T, name string, replaced ...string) *trial {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(confDir, name))
	require.NoError(t, err)
	r := &trial{dir: t.TempDir()}
	for _, dir := range []string{"lib/fluent-bit", "log/app", "log/apps/billing", "log/apps/billing-audit"} {
		require.NoError(t, os.MkdirAll(filepath.Join(r.dir, dir), 0o750))
	}
	text := string(raw)
	replaced = append(replaced, "2020", freePort(t))
	for i := 0; i < len(replaced); i += 2 {
		require.Contains(t, text, replaced[i], name)
		text = strings.ReplaceAll(text, replaced[i], replaced[i+1])
	}
	text = strings.NewReplacer("/opt/sls/", filepath.Dir(plugins.Out)+"/", "/var/", r.dir+"/", "/fluent-bit/etc/", r.dir+"/").Replace(text)
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "parsers.conf"), nil, 0o600)) // as the official image has one
	r.file = filepath.Join(r.dir, name)
	require.NoError(t, os.WriteFile(r.file, []byte(text), 0o600))
	return r
}

// freePort is a port that nobody listens on, for servers that cannot take one by themselves.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}

// environ sets what the configurations take from the environment. Their variables for
// where to write to name the logstore "copy" of the same project.
func (r *trial) environ(c *cloud, more ...string) *trial {
	r.env = append(os.Environ(),
		"SLS_ENDPOINT="+c.endpoint, "SLS_PROJECT="+project, "SLS_LOGSTORE="+logstore,
		"SLS_ACCESS_KEY_ID="+keyID, "SLS_ACCESS_KEY_SECRET="+keySecret,
		"TO_ENDPOINT="+c.endpoint, "TO_PROJECT="+project, "TO_LOGSTORE=copy", "NODE_NAME=node-1")
	r.env = append(r.env, more...)
	return r
}

// command is what the file's header says to run.
func (r *trial) command(ctx context.Context, f *fluentBit, args ...string) *exec.Cmd {
	if filepath.Ext(r.file) == ".conf" {
		args = append(args, "-e", f.plugins.Out, "-e", f.plugins.In)
	}
	cmd := exec.CommandContext(ctx, f.bin, append(args, "-c", r.file)...)
	cmd.Dir, cmd.Env = r.dir, r.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// start runs the configuration until the test stops it, or ends.
func (r *trial) start(t *testing.T, f *fluentBit) *engine {
	t.Helper()
	e := &engine{log: &logBuffer{}, exited: make(chan error, 1)}
	e.cmd = r.command(context.WithoutCancel(t.Context()), f)
	e.cmd.Stdout, e.cmd.Stderr = e.log, e.log
	require.NoError(t, e.cmd.Start())
	go func() { e.exited <- e.cmd.Wait() }()
	t.Cleanup(func() {
		_ = e.Kill()
		if t.Failed() {
			t.Log(e.Log())
		}
	})
	return e
}

// eachRealHost runs test where Fluent Bit has what the files need.
func eachRealHost(t *testing.T, files []string, test func(t *testing.T, f *fluentBit, file string)) {
	t.Helper()
	t.Parallel()
	for _, f := range realHosts() {
		for _, file := range files {
			if len(f.lacks(t, file)) == 0 {
				t.Run(f.Name()+" "+file, func(t *testing.T) {
					t.Parallel()
					test(t, f, file)
				})
			}
		}
	}
}

// Fluent Bit takes every configuration: no section, plugin or option of its own is unknown.
func TestFluentBitLoadsEveryConfiguration(t *testing.T) {
	var files []string
	for _, pattern := range []string{"*.yaml", "*.conf"} {
		found, err := filepath.Glob(filepath.Join(confDir, pattern))
		require.NoError(t, err)
		files = append(files, found...)
	}
	require.NotEmpty(t, files)
	for _, f := range realHosts() {
		var missed []string
		for _, file := range files {
			name := filepath.Base(file)
			if lacks := f.lacks(t, name); len(lacks) > 0 {
				missed = append(missed, fmt.Sprintf("%s (%s)", name, strings.Join(lacks, ", ")))
				continue
			}
			out, err := try(t, name).command(t.Context(), f, "--dry-run").CombinedOutput()
			require.NoError(t, err, "%s:\n%s", name, out)
			require.Contains(t, string(out), "configuration test is successful", name)
		}
		line := fmt.Sprintf("configurations loaded by %s: %d of %d", f.Name(), len(files)-len(missed), len(files))
		if len(missed) > 0 {
			line += "; built without what these need: " + strings.Join(missed, ", ")
		}
		fmt.Println("report:", line)
	}
}

// write stores logs of one group through the emulator's front door.
func (c *cloud) write(t *testing.T, topic string, logs ...map[string]string) {
	t.Helper()
	var chunk bytes.Buffer
	enc := msgpack.NewEncoder(&chunk)
	enc.SetSortMapKeys(true)
	for _, log := range logs {
		require.NoError(t, enc.Encode([]any{[]any{time.Now().Unix(), map[string]any{}}, log}))
	}
	var body []byte
	var r loggroup.Reader
	r.Reset(chunk.Bytes(), loggroup.EncodeOptions{})
	for range logs {
		var err error
		body, err = r.Next(body)
		require.NoError(t, err)
	}
	body = loggroup.AppendGroupFields(body, topic, "10.0.0.7", []loggroup.Tag{{Key: "env", Value: "prod"}})
	client, err := sls.New(sls.Config{
		Endpoint: c.endpoint, Credentials: sdk.NewStaticCredentialsProvider(keyID, keySecret, ""), SignVersion: sls.SignV1,
	})
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.Logstore(project, logstore).PutLogs(t.Context(),
		sls.Body{Data: body, RawSize: len(body), Codec: sls.None}, ""))
}

// poll waits until done, which looks at what tells nobody when it changes: a file, a
// port, a log.
func poll(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			require.FailNow(t, "timed out waiting for "+what)
		}
	}
}
