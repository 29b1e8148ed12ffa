package sls

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPutNothingSendsNothing(t *testing.T) {
	rec := newRecorder(t, ok)
	require.NoError(t, newClient(t, rec.URL, nil).Logstore("p", "l").PutLogs(t.Context(), Body{}, ""))
	require.Empty(t, rec.requests())
}

func TestListLogstoresPages(t *testing.T) {
	all := make([]string, 1203)
	for i := range all {
		all[i] = "store-" + strconv.Itoa(i)
	}
	page := func(total bool, most int, ignoreOffset bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			offset, err1 := strconv.Atoi(r.URL.Query().Get("offset"))
			size, err2 := strconv.Atoi(r.URL.Query().Get("size"))
			if err1 != nil || err2 != nil || r.URL.Path != "/logstores" {
				w.WriteHeader(400)
				return
			}
			if ignoreOffset {
				offset, size = 0, len(all)
			}
			part := all[min(offset, len(all)):min(offset+min(size, most), len(all))]
			answer := map[string]any{"count": len(part), "logstores": part}
			if total {
				answer["total"] = len(all)
			}
			_ = json.NewEncoder(w).Encode(answer)
		}
	}
	for name, tc := range map[string]struct {
		answer   http.HandlerFunc
		requests int
	}{
		"with total":        {page(true, 500, false), 3},
		"without total":     {page(false, 500, false), 4},
		"smaller pages":     {page(true, 200, false), 7},
		"offset is ignored": {page(false, 1<<20, true), 2},
	} {
		t.Run(name, func(t *testing.T) {
			rec := newRecorder(t, tc.answer)
			names, err := newClient(t, rec.URL, nil).ListLogstores(t.Context(), "proj")
			require.NoError(t, err)
			require.Equal(t, all, names)
			require.Len(t, rec.requests(), tc.requests)
		})
	}
	rec := newRecorder(t, answerWith(200, `{"count":0,"logstores":[]}`))
	names, err := newClient(t, rec.URL, nil).ListLogstores(t.Context(), "proj")
	require.NoError(t, err)
	require.NotNil(t, names)
	require.Empty(t, names)
}

func TestNamesThatCannotBeSent(t *testing.T) {
	rec := newRecorder(t, ok)
	c := newClient(t, rec.URL, nil)
	body := Body{Data: []byte("x"), RawSize: 1, Codec: None}
	for mend, errs := range map[string][]error{
		"project": {
			c.Logstore("", "l").PutLogs(t.Context(), body, ""),
			c.Logstore("a/b", "l").PutLogs(t.Context(), body, ""),
			c.Logstore("evil.example:80/", "l").PutLogs(t.Context(), body, ""),
			c.Logstore("a\r\nx", "l").PutLogs(t.Context(), body, ""),
		},
		"logstore": {
			c.Logstore("p", "").PutLogs(t.Context(), body, ""),
			c.Logstore("p", "..").PutLogs(t.Context(), body, ""),
			c.Logstore("p", ".").CreateConsumerGroup(t.Context(), ConsumerGroup{Name: "g"}),
		},
		"consumer_group": {
			c.Logstore("p", "l").CreateConsumerGroup(t.Context(), ConsumerGroup{}),
			c.Logstore("p", "l").UpdateCheckpoint(t.Context(), Member{Group: "..", Consumer: "c"}, 0, "MTI="),
		},
		"": {Logstore{Project: "p", Name: "l"}.PutLogs(t.Context(), body, "")},
	} {
		for _, err := range errs {
			e := requireError(t, err)
			require.Equal(t, ClassConfiguration, e.Class)
			require.Equal(t, mend, e.Mend)
			require.False(t, e.Ambiguous)
			require.NotContains(t, err.Error(), "\n")
		}
	}
	_, err := c.Logstore("p", "l").PullLogs(t.Context(), Pull{Cursor: "MTI=", Codec: None})
	require.Equal(t, ClassPermanent, requireError(t, err).Class)
	require.Empty(t, rec.requests())
}
