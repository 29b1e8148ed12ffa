package prometheus

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// find returns a program that a variable or the PATH names, or make setup has brought.
func find(variable, name, brought string) (string, error) {
	if bin := os.Getenv(variable); bin != "" {
		return bin, nil
	}
	if bin, err := exec.LookPath(name); err == nil {
		return bin, nil
	}
	if brought == "" {
		return "", errors.New("no " + name + " on the PATH")
	}
	bin, err := filepath.Abs(brought)
	if err != nil {
		return "", err
	}
	return exec.LookPath(bin)
}

// freePort is one that nobody listens on, for servers that cannot take one by themselves.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}

// start runs a program until the test ends, whose log is shown when the test has failed.
func start(t *testing.T, dir, bin string, args ...string) {
	t.Helper()
	log, err := os.Create(filepath.Join(dir, filepath.Base(bin)+".log"))
	require.NoError(t, err)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), bin, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("%s:\n%s", bin, text[max(0, len(text)-20_000):])
		}
		_ = log.Close()
	})
}

// prom is a Prometheus that scrapes one Fluent Bit.
type prom struct{ url string }

func startPrometheus(t *testing.T, bin string, rules ruleFile, targets ...string) prom {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, v any) {
		text, err := yaml.Marshal(v)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	write("alerts.yaml", rules)
	write("prometheus.yaml", map[string]any{
		"global":     map[string]any{"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
		"rule_files": []string{"alerts.yaml"},
		"scrape_configs": []any{map[string]any{
			"job_name": "fluent-bit", "metrics_path": "/api/v2/metrics/prometheus",
			"static_configs": []any{map[string]any{"targets": targets}},
		}},
	})
	address := "127.0.0.1:" + freePort(t)
	start(t, dir, bin, "--config.file=prometheus.yaml", "--storage.tsdb.path=data", "--web.listen-address="+address,
		"--query.lookback-delta=10s", "--log.level=warn")
	return prom{"http://" + address}
}

// series are the label sets of a query's result; none while Prometheus does not answer.
func (p prom) series(t *testing.T, query string) []map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/api/v1/query?query="+url.QueryEscape(query), nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil // it is only starting
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	if resp.StatusCode == http.StatusServiceUnavailable {
		return nil
	}
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct{ Metric map[string]string }
		}
	}
	require.NoError(t, json.Unmarshal(body, &answer), "%s", body)
	require.Equal(t, "success", answer.Status, "%s: %s", query, answer.Error)
	var all []map[string]string
	for _, r := range answer.Data.Result {
		all = append(all, r.Metric)
	}
	return all
}

// alarm is an alert that fires for a section of Fluent Bit's configuration.
type alarm struct{ alert, section string }

// fired are those of the last while.
func (p prom) fired(t *testing.T, while time.Duration) map[alarm]bool {
	t.Helper()
	all := map[alarm]bool{}
	for _, labels := range p.series(t, `present_over_time(ALERTS{alertstate="firing"}[`+while.Truncate(time.Second).String()+`])`) {
		all[alarm{labels["alertname"], labels["name"]}] = true
	}
	return all
}
