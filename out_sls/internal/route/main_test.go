package route

import (
	"bytes"
	"testing"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/option"
)

// configured is the router for the given options, in turn name and value. What is
// required has a static default.
func configured(tb testing.TB, options ...string) *Router {
	tb.Helper()
	r, err := New(parsed(tb, options...))
	require.NoError(tb, err)
	return r
}

func parsed(tb testing.TB, options ...string) Config {
	tb.Helper()
	given := option.Map{"project": "proj", "logstore": "logs", "source": "host", "allow_destinations": "*/*"}
	for i := 0; i < len(options); i += 2 {
		given[options[i]] = options[i+1]
	}
	var c Config
	require.NoError(tb, option.Parse(given, c.Options()))
	return c
}

// event is one with the given keys and values, in order.
func event(tb testing.TB, pairs ...any) *loggroup.Event {
	tb.Helper()
	var buf bytes.Buffer
	enc := msgpack.NewEncoder(&buf)
	require.NoError(tb, enc.EncodeMapLen(len(pairs)/2))
	for _, v := range pairs {
		require.NoError(tb, enc.Encode(v))
	}
	return &loggroup.Event{Record: buf.Bytes()}
}

// routeOne is the destination of one record in a session of its own.
func routeOne(r *Router, tag string, ev *loggroup.Event) Destination {
	s := r.Begin(tag)
	defer s.End()
	return s.Route(ev.Record).Destination
}

// tagsOf decodes the tags with the SDK's own types.
func tagsOf(tb testing.TB, d Destination) map[string]string {
	tb.Helper()
	var group sdk.LogGroup
	require.NoError(tb, group.Unmarshal([]byte(d.Tags)))
	tags := map[string]string{}
	for _, t := range group.LogTags {
		tags[t.GetKey()] = t.GetValue()
	}
	return tags
}

func pod(tb testing.TB, namespace any, labels map[string]any) *loggroup.Event {
	tb.Helper()
	return event(tb, "log", "GET / 200", "kubernetes", map[string]any{
		"pod_name": "web-7d9f", "namespace_name": namespace, "labels": labels,
	})
}
