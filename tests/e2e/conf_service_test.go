package e2e

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// elastic stands in for Elasticsearch's bulk interface. It loses the answer of its first
// bulk: what was in it comes again.
type elastic struct {
	*httptest.Server
	mu      sync.Mutex                // guards what follows
	docs    map[string]map[string]any // by index/id
	bulks   int
	again   int // documents that were there already
	refused bool
	problem error
}

func newElastic(t *testing.T) *elastic {
	e := &elastic{docs: map[string]map[string]any{}}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		defer e.mu.Unlock()
		items, err := e.bulk(r)
		if err != nil {
			e.problem = err
		}
		if e.bulks++; e.bulks == 1 || err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"errors": e.refused, "items": items})
	}))
	t.Cleanup(e.Close)
	return e
}

// bulk takes lines of {"index": {"_index", "_id"}} and document in turn. As in Elasticsearch,
// index overwrites a document and create refuses to.
func (e *elastic) bulk(r *http.Request) (items []any, err error) {
	if user, password, _ := r.BasicAuth(); r.URL.Path != "/_bulk" || user != "fluent" || password != "es-secret" {
		return nil, fmt.Errorf("%s by %s", r.URL, user)
	}
	body, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(body)
	for d.More() {
		var action map[string]struct {
			Index string `json:"_index"`
			Type  string `json:"_type"`
			ID    string `json:"_id"`
		}
		var doc map[string]any
		if err := d.Decode(&action); err != nil {
			return nil, err
		}
		if err := d.Decode(&doc); err != nil {
			return nil, err
		}
		for op, at := range action {
			if at.ID == "" || at.Type != "" {
				return nil, fmt.Errorf("%s %+v", op, at)
			}
			key, status := at.Index+"/"+at.ID, http.StatusCreated
			if e.docs[key] != nil {
				e.again++
				status = map[string]int{"index": http.StatusOK, "create": http.StatusConflict}[op]
			}
			e.docs[key] = doc
			e.refused = e.refused || status == http.StatusConflict
			items = append(items, map[string]any{op: map[string]any{"_index": at.Index, "_id": at.ID, "status": status}})
		}
	}
	return items, nil
}

// A log that comes twice is one document, and a bulk of such logs counts as delivered.
func TestConfConsumeToElasticsearch(t *testing.T) {
	eachRealHost(t, []string{"consume-to-elasticsearch.yaml"}, func(t *testing.T, f *fluentBit, file string) {
		c, es := newCloud(t, 2), newElastic(t)
		for i := range 3 {
			c.write(t, "shop", map[string]string{"n": fmt.Sprint(i)}, map[string]string{"n": fmt.Sprint(i, "b")})
		}
		_, port, _ := strings.Cut(strings.TrimPrefix(es.URL, "http://"), ":")
		e := try(t, file, "9200", port, "tls: on", "tls: off", "checkpoint_interval: 60s", soon).
			environ(c, "ES_HOST=127.0.0.1", "ES_USER=fluent", "ES_PASSWORD=es-secret").start(t, f)
		c.await(t, func() bool { return c.caughtUp("to-elasticsearch") })
		stop(t, e.Stop)
		es.mu.Lock()
		defer es.mu.Unlock()
		require.NoError(t, es.problem)
		require.Len(t, es.docs, 6)
		require.Equal(t, 6, es.again, "the first bulk came again")
		for key, doc := range es.docs {
			index, id, _ := strings.Cut(key, "/")
			require.Regexp(t, `^sls-\d{4}\.\d\d\.\d\d$`, index)
			require.Equal(t, doc["__id__"], id)
			require.Equal(t, "shop", doc["__topic__"])
			require.NotEmpty(t, doc["@timestamp"])
		}
	})
}

// Kafka's client brings a broker for tests, within the process.
func TestConfConsumeToKafka(t *testing.T) {
	const broker = "brokers: ${KAFKA_BROKERS}"
	eachRealHost(t, []string{"consume-to-kafka.yaml"}, func(t *testing.T, f *fluentBit, file string) {
		c := newCloud(t, 2)
		for i := range 3 {
			c.write(t, "shop", map[string]string{"n": fmt.Sprint(i)})
		}
		e := try(t, file, broker, broker+"\n      rdkafka.test.mock.num.brokers: 1\n      log_level: debug",
			"checkpoint_interval: 60s", soon).environ(c, "KAFKA_BROKERS=127.0.0.1:9").start(t, f)
		c.await(t, func() bool { return c.caughtUp("to-kafka") })
		stop(t, e.Stop) // waits for what is in the client's queue
		require.Equal(t, 3, strings.Count(e.Log(), "message delivered ("), e.Log())
		require.NotContains(t, e.Log(), "cannot configure")
	})
}

// bucket stands in for OSS: one bucket, named by the host, so that the whole path is the
// object's name. It checks what OSS's S3 interface needs of a request, and fails for as
// long as outage says.
type bucket struct {
	*httptest.Server
	mu      sync.Mutex // guards what follows
	outage  int        // requests still to fail
	objects map[string][]byte
	problem error
}

func newBucket(t *testing.T) *bucket {
	b := &bucket{objects: map[string][]byte{}, outage: 2}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.outage--; b.outage >= 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		} else if err := b.put(r); err != nil {
			b.problem = err
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(b.Close)
	return b
}

var signedHost = regexp.MustCompile(
	`^AWS4-HMAC-SHA256 Credential=oss-key/\d{8}/cn-hangzhou/s3/aws4_request, SignedHeaders=[a-z0-9;-]*\bhost\b[a-z0-9;-]*, Signature=`)

func (b *bucket) put(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	switch {
	case r.Method != http.MethodPut || r.URL.RawQuery != "":
		return fmt.Errorf("%s %s", r.Method, r.URL)
	case len(r.TransferEncoding) > 0 || strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked"):
		return fmt.Errorf("chunked: %v", r.Header)
	case r.Header.Get("X-Amz-Content-Sha256") != hex.EncodeToString(sum[:]):
		return fmt.Errorf("hash of the body: %v", r.Header)
	case !signedHost.MatchString(r.Header.Get("Authorization")):
		return fmt.Errorf("authorization %s", r.Header.Get("Authorization"))
	}
	b.objects[r.URL.Path] = body
	return nil
}

// Every log becomes a line that a reader of CSV reads back.
func TestConfArchiveToOSS(t *testing.T) {
	eachRealHost(t, []string{"archive-to-oss-csv.yaml"}, func(t *testing.T, f *fluentBit, file string) {
		c, oss := newCloud(t, 2), newBucket(t)
		messages := []string{`plain`, `with "quotes", commas`, "two\nlines\r", "日志", "a\x00b", ""}
		want := map[string]int{}
		for _, m := range messages {
			c.write(t, "shop", map[string]string{"level": "info", "message": m, "other": "x"})
			want[strings.ReplaceAll(m, "\x00", "")]++
		}
		e := try(t, file, "checkpoint_interval: 60s", soon, "upload_timeout: 5m", "upload_timeout: 2s").
			environ(c, "OSS_ENDPOINT="+oss.URL, "AWS_ACCESS_KEY_ID=oss-key", "AWS_SECRET_ACCESS_KEY=oss-secret").start(t, f)
		c.await(t, func() bool { return c.caughtUp("archive") })
		poll(t, "the outage to end", func() bool {
			oss.mu.Lock()
			defer oss.mu.Unlock()
			return len(oss.objects) > 0
		})
		stop(t, e.Stop)
		oss.mu.Lock()
		defer oss.mu.Unlock()
		require.NoError(t, oss.problem)
		got, ids := map[string]int{}, map[string]bool{}
		for name, object := range oss.objects {
			require.Regexp(t, `^/sls/\d{4}/\d\d/\d\d/\d\d-\d\d-[A-Za-z0-9]+\.csv\.gz$`, name)
			text, err := gzip.NewReader(bytes.NewReader(object))
			require.NoError(t, err)
			rows, err := csv.NewReader(bufio.NewReader(text)).ReadAll()
			require.NoError(t, err)
			for _, row := range rows {
				require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, row[0])
				ids[row[1]] = true
				require.Equal(t, []string{"shop", "10.0.0.7", "info"}, row[2:5])
				got[row[5]]++
			}
		}
		require.Len(t, ids, len(messages))
		require.True(t, maps.Equal(want, got), "want %q, got %q", want, got)
	})
}
