package producer

import (
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/out_sls/internal/route"
	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/sls"
)

// accepting takes every request and reads it with the SDK's own types.
type accepting struct {
	mu    sync.Mutex // guards what follows
	logs  int
	wrong string // what is wrong with a request
	// restores: topic, source and tags may be as long as in the logstore they are from
	restores bool
	stores   map[string]bool
}

func (a *accepting) RoundTrip(r *http.Request) (*http.Response, error) {
	packed, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	size, err := strconv.Atoi(r.Header.Get("X-Log-Bodyrawsize"))
	if err != nil {
		return nil, err
	}
	raw, err := sls.Decompress(sls.LZ4, nil, packed, size)
	if err != nil {
		return nil, err
	}
	var group sdk.LogGroup
	if err := group.Unmarshal(raw); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.logs += len(group.Logs)
	store, _, _ := strings.Cut(r.URL.Path, "/shards/")
	a.stores[store] = true
	a.wrong += wrongIn(&group, a.restores)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

func wrongIn(group *sdk.LogGroup, restores bool) (wrong string) {
	check := func(what, s string, limit int) {
		if !utf8.ValidString(s) || !restores && limit > 0 && len(s) > limit {
			wrong += what + " " + strconv.Quote(s) + "; "
		}
	}
	check("topic", group.GetTopic(), 128)
	check("source", group.GetSource(), 128)
	for _, t := range group.LogTags {
		check("tag", t.GetKey(), 0)
		check("tag", t.GetValue(), 1024)
	}
	for _, l := range group.Logs {
		for _, c := range l.Contents {
			check("key", c.GetKey(), 0)
			check("value", c.GetValue(), 0)
		}
	}
	return wrong
}

// acceptingProducer is a producer with those options in front of a.
func acceptingProducer(tb testing.TB, a *accepting, set string) *Producer {
	tb.Helper()
	given := option.Map{"project": "pro", "logstore": "logs", "source": "source"}
	for pair := range strings.FieldsSeq(set) {
		k, v, _ := strings.Cut(pair, "=")
		given[k] = v
	}
	var cfg Config
	var to route.Config
	require.NoError(tb, option.Parse(given, append(cfg.Options(), to.Options()...)))
	client, err := sls.New(sls.Config{
		Endpoint: "http://sls.test", Credentials: sdk.NewStaticCredentialsProvider("key", "secret", ""), Transport: a,
	})
	require.NoError(tb, err)
	router, err := route.New(to)
	require.NoError(tb, err)
	p, err := New(cfg, router, client, slog.New(slog.DiscardHandler))
	require.NoError(tb, err)
	tb.Cleanup(func() { p.Stop(tb.Context()) })
	return p
}

// FuzzFlush: whatever a chunk holds, each event in it arrives as one log that the
// SDK can read, where it may go, and the answer says whether that was all.
func FuzzFlush(f *testing.F) {
	a := &accepting{}
	var sections []*Producer
	names := slices.Sorted(maps.Keys(hostileOptions))
	for _, name := range names {
		sections = append(sections, acceptingProducer(f, a, hostileOptions[name]))
	}
	for i, h := range hostileChunks() {
		if len(h.chunk) < 4096 {
			f.Add(h.chunk, byte(len(i)), false)
		}
	}
	f.Add([]byte{0xdf, 0, 0, 0, 1, 0xa1, 'x', 0xcb, 1, 2, 3, 4, 5, 6, 7, 8}, byte(1), true)
	f.Fuzz(func(t *testing.T, chunk []byte, section byte, asValue bool) {
		if asValue {
			chunk = append(at(eventTime(946684800, 1), []byte{0x81, 0xa1, 'k'}), chunk...)
		}
		i := int(section) % len(sections)
		p := sections[i]
		*a = accepting{stores: map[string]bool{}, restores: strings.Contains(hostileOptions[names[i]], "restore_meta")}
		result := p.Flush(t.Context(), "tag", chunk)
		events := 0
		var r loggroup.Reader
		r.Reset(chunk, loggroup.EncodeOptions{})
		var err error
		for err = r.Scan(); err == nil; err = r.Scan() {
			events++
		}
		skipped, _ := r.Skipped()
		whole := err == io.EOF && skipped == 0 //nolint:errorlint // Scan promises io.EOF itself
		if whole {
			require.Equal(t, OK, result)
		} else {
			require.Equal(t, Error, result)
		}
		require.Equal(t, events, a.logs)
		require.Empty(t, a.wrong)
		delete(a.stores, "/logstores/logs")
		require.Empty(t, a.stores)
	})
}
