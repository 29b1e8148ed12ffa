package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func appendFile(t *testing.T, file, text string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = f.WriteString(text)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// contents returns the value of key of every log, sorted.
func (c *cloud) contents(logstore, key string) (values []string) {
	for l := range c.EachLog(project, logstore) {
		for _, content := range l.Contents {
			if content.Key == key {
				values = append(values, content.Value)
			}
		}
	}
	slices.Sort(values)
	return values
}

// Every line is shipped once, also over a restart: the position database.
func TestConfShipFiles(t *testing.T) {
	eachRealHost(t, []string{"ship-files.yaml", "ship-files.conf"}, func(t *testing.T, f *fluentBit, file string) {
		c := newCloud(t, 2)
		r := try(t, file).environ(c)
		log := filepath.Join(r.dir, "log/app/a.log")
		appendFile(t, log, "one\ntwo\n")
		e := r.start(t, f)
		c.awaitStored(t, 2)
		stop(t, e.Stop)
		appendFile(t, log, "three\n")
		e = r.start(t, f)
		c.awaitStored(t, 3)
		stop(t, e.Stop)
		require.Equal(t, []string{"one", "three", "two"}, c.contents(logstore, "log"))
		require.Equal(t, []string{log, log, log}, c.contents(logstore, "file"))
		for l := range c.EachLog(project, logstore) {
			require.Equal(t, "files", l.Topic)
		}
		require.FileExists(t, filepath.Join(r.dir, "lib/fluent-bit/tail.db"))
		require.DirExists(t, filepath.Join(r.dir, "lib/fluent-bit/storage"))
	})
}

// A record chooses among the logstores that the operator allows, no others.
func TestConfShipManyLogstores(t *testing.T) {
	eachRealHost(t, []string{"ship-many-logstores.yaml"}, func(t *testing.T, f *fluentBit, file string) {
		c := newCloud(t, 1)
		stores := []string{"app-billing-error", "app-billing-info", "app-misc", "app-billing-root", "app-billing-audit-error", "app-billing_audit-error"}
		for _, name := range stores {
			c.CreateLogstore(project, name, 1)
		}
		r := try(t, file).environ(c)
		at := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
		for i, level := range []string{`"level":"error",`, `"level":"Info",`, "", `"level":"root",`, `"level":"audit-error",`, `"level":"Audit/Error",`} {
			appendFile(t, filepath.Join(r.dir, "log/apps/billing/api.log"), fmt.Sprintf(`{"time":%q,%s"n":"%d"}`+"\n", at, level, i))
		}
		appendFile(t, filepath.Join(r.dir, "log/apps/billing-audit/api.log"), fmt.Sprintf(`{"time":%q,"level":"error","n":"6"}`+"\n", at))
		e := r.start(t, f)
		c.await(t, func() bool {
			n := 0
			for _, name := range stores {
				n += c.LogCount(project, name)
			}
			return n >= 7
		})
		stop(t, e.Stop)
		require.Equal(t, []string{"0"}, c.contents("app-billing-error", "n"))
		require.Equal(t, []string{"1", "2"}, c.contents("app-billing-info", "n"))
		require.Equal(t, []string{"3", "4", "5"}, c.contents("app-misc", "n"), "not an allowed one")
		require.Empty(t, c.contents("app-billing-audit-error", "n"), "of another team")
		require.Equal(t, []string{"6"}, c.contents("app-billing_audit-error", "n"))
		for l := range c.EachLog(project, "app-billing-error") {
			require.Equal(t, "api", l.Topic)
			require.Equal(t, at, time.Unix(int64(l.Time), int64(*l.TimeNs)).UTC().Format("2006-01-02T15:04:05.000Z"))
		}
	})
}

// The ids and attributes of a log, and the attributes of its resource and scope arrive.
func TestConfShipOpenTelemetry(t *testing.T) {
	const body = `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"checkout"}}]},
		"scopeLogs":[{"scope":{"name":"cart"},"logRecords":[{"timeUnixNano":"%d","severityText":"WARN",
		"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174",
		"attributes":[{"key":"http.method","value":{"stringValue":"GET"}}],"body":{"stringValue":"slow"}}]}]}]}`
	eachRealHost(t, []string{"ship-opentelemetry.yaml"}, func(t *testing.T, f *fluentBit, file string) {
		c := newCloud(t, 1)
		port := freePort(t)
		e := try(t, file, "4318", port).environ(c).start(t, f)
		post(t, "http://127.0.0.1:"+port+"/v1/logs", fmt.Sprintf(body, time.Now().UnixNano()))
		c.awaitStored(t, 1)
		stop(t, e.Stop)
		for key, want := range map[string]string{
			"log": "slow", "__metadata__.otlp.attributes.http.method": "GET", "__metadata__.otlp.severity_text": "WARN",
			"__metadata__.otlp.trace_id": "5b8efff798038103d269b633813fc60c", "__metadata__.otlp.span_id": "eee19b7ec3c1b174",
			"__group__.resource.attributes.service.name": "checkout", "__group__.scope.name": "cart",
		} {
			require.Equal(t, []string{want}, c.contents(logstore, key), key)
		}
		require.Equal(t, 1, c.LogCount(project, logstore), "group markers are not shipped")
	})
}

// kubernetesTrial is an agent whose logs lie elsewhere than on a node and whose API server is at url.
func kubernetesTrial(t *testing.T, c *cloud, file, url string) *trial {
	t.Helper()
	r := try(t, file,
		// The tag that tail gives a file in /var/log/containers, which is elsewhere here.
		"tag: kube.*", "tag: kube.var.log.containers.<file>.log\n      tag_regex: (?<file>[^/]+)\\.log$",
		"buffer_size: 256k", "buffer_size: 256k\n      kube_url: "+url+"\n      kube_token_file: /var/token",
	).environ(c, "ALIBABA_CLOUD_ACCESS_KEY_ID="+keyID, "ALIBABA_CLOUD_ACCESS_KEY_SECRET="+keySecret)
	require.NoError(t, os.MkdirAll(filepath.Join(r.dir, "log/containers"), 0o750))
	appendFile(t, filepath.Join(r.dir, "token"), "token")
	return r
}

// A log has the topic, source and tags of its pod; a pod that opts out and Fluent Bit's own
// log are not shipped.
func TestConfShipKubernetes(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pod, note := path.Base(r.URL.Path), ""
		if pod == "silent-1" {
			note = `"fluentbit.io/exclude":"true"`
		}
		_, _ = fmt.Fprintf(w, `{"metadata":{"name":%q,"namespace":"shop","labels":{"app.kubernetes.io/name":"front"},
			"annotations":{%s}},"spec":{"nodeName":"node-1"},"status":{}}`, pod, note)
	}))
	t.Cleanup(api.Close)
	eachRealHost(t, []string{"ship-kubernetes.yaml"}, func(t *testing.T, f *fluentBit, file string) {
		c := newCloud(t, 1)
		r := kubernetesTrial(t, c, file, api.URL)
		at, id := time.Now().UTC().Format(time.RFC3339Nano), strings.Repeat("0123456789abcdef", 4)
		write := func(name, text string) {
			appendFile(t, filepath.Join(r.dir, "log/containers", name+"-"+id+".log"), at+" stdout F "+text+"\n")
		}
		write("silent-1_shop_nginx", "not to be shipped")
		write("fluent-bit-x_logging_fluent-bit", "its own")
		write("web-7d4b9c_shop_nginx", "hello")
		write("web-7d4b9c_shop_nginx", `{"level":"warn"}`)
		e := r.start(t, f)
		c.awaitStored(t, 2)
		stop(t, e.Stop)
		require.Equal(t, []string{"hello"}, c.contents(logstore, "log"))
		require.Equal(t, []string{"warn"}, c.contents(logstore, "level"))
		require.Equal(t, 2, c.LogCount(project, logstore))
		for l := range c.EachLog(project, logstore) {
			require.Equal(t, "front", l.Topic)
			require.Equal(t, "node-1", l.Source)
			require.Equal(t, map[string]string{"namespace": "shop", "pod": "web-7d4b9c", "container": "nginx"}, l.Tags)
		}
	})
}

// Without an answer of the API server a log still says whose it is: by its file's name.
func TestConfShipKubernetesWithoutTheAPIServer(t *testing.T) {
	eachRealHost(t, []string{"ship-kubernetes.yaml"}, func(t *testing.T, f *fluentBit, file string) {
		c := newCloud(t, 1)
		pod := "web-7d4b9c_shop_nginx-" + strings.Repeat("0123456789abcdef", 4)
		r := kubernetesTrial(t, c, file, "http://127.0.0.1:"+freePort(t))
		at := time.Now().UTC().Format(time.RFC3339Nano)
		appendFile(t, filepath.Join(r.dir, "log/containers", pod+".log"), at+" stdout F hello\n")
		e := r.start(t, f)
		c.awaitStored(t, 1)
		stop(t, e.Stop)
		require.Equal(t, []string{"hello"}, c.contents(logstore, "log"))
		for l := range c.EachLog(project, logstore) {
			require.Equal(t, pod, l.Topic)
			require.Equal(t, "node-1", l.Source)
			require.Equal(t, map[string]string{"pod": "kube.var.log.containers." + pod + ".log"}, l.Tags)
		}
	})
}

// post sends body as soon as somebody listens.
func post(t *testing.T, url, body string) {
	t.Helper()
	poll(t, url, func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusCreated, resp.StatusCode)
		return true
	})
}
