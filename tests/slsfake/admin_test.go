package slsfake

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// admin sends a request that is none of the service's, and decodes the answer.
func (c *client) admin(method, path, body string, v any) int {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, "http://127.0.0.1"+path, strings.NewReader(body))
	require.NoError(c.t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.hc.Do(r)
	require.NoError(c.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(c.t, err)
	if v != nil {
		require.NoError(c.t, json.Unmarshal(b, v), "%s", b)
	}
	return resp.StatusCode
}

func TestLogsAsJSON(t *testing.T) {
	s, c := newServer(t, Config{})
	var logs []map[string]any
	require.Equal(t, 200, c.admin("GET", "/_slsfake/logs?project=proj&logstore=store", "", &logs))
	require.Empty(t, logs)
	c.put("a", "b")
	c.put("é\n")
	require.Equal(t, 200, c.admin("GET", "/_slsfake/logs?project=proj&logstore=store", "", &logs))
	require.Len(t, logs, 3)
	require.Equal(t, []any{[]any{"n", "a"}}, logs[0]["contents"])
	require.Equal(t, []any{[]any{"n", "é\n"}}, logs[2]["contents"])
	require.Equal(t, []any{"topic", "source", map[string]any{"k": "v"}, "testkey", 1.0, 1.0},
		[]any{logs[1]["topic"], logs[1]["source"], logs[1]["tags"], logs[1]["access_key_id"], logs[1]["index"], logs[1]["time_ns"]})
	require.Equal(t, encodeCursor(s.Shards("proj", "store")[0].Begin), logs[0]["cursor"])
	var refused struct{ Error string }
	require.Equal(t, 404, c.admin("GET", "/_slsfake/logs?project=proj&logstore=none", "", &refused))
	require.Equal(t, `there is no logstore "none" in project "proj"`, refused.Error)
	require.Equal(t, 404, c.admin("PUT", "/_slsfake/logs", "", &refused))
	require.Equal(t, 2, s.Stats().Total().Requests, "what is not the service's is not counted")
}

// Each action does what the hook of its name does.
func TestFaults(t *testing.T) {
	for _, tc := range []struct {
		fault  string
		status int // 0 = no answer
		stored bool
	}{
		{`{"op":"PutLogs","fail":{"status":403,"code":"ShardWriteQuotaExceed","message":"slow down"}}`, 403, false},
		{`{"fail_html":502}`, 502, false},
		{`{"project":"proj","logstore":"store","answer":{"status":418,"header":{"X":["y"]},"body":"tea"}}`, 418, false},
		{`{"fail_after":{"status":500,"code":"InternalServerError"}}`, 500, true},
		{`{"answer_after":{"status":200,"body":"x"}}`, 200, true},
		{`{"close_before":true}`, 0, false},
		{`{"close_after":true}`, 0, true},
		{`{"fail_after":{"status":500,"code":"InternalServerError","message":"x"},"truncate":3}`, 0, true},
		{`{"delay":"1ms","delay_after":"1ms","slow_body":1000}`, 200, true},
		{`{"shard":1,"close_before":true}`, 0, false},
		{`{"shard":0,"close_before":true}`, 200, true},
		{`{"op":"PullLogs","close_before":true}`, 200, true},
		{`{"logstore":"other","close_before":true}`, 200, true},
		{`{"group":"g","consumer":"c","close_before":true}`, 200, true},
	} {
		t.Run(tc.fault, func(t *testing.T) {
			s, c := newServer(t, Config{})
			var set struct{ ID int }
			require.Equal(t, 200, c.admin("POST", "/_slsfake/faults", tc.fault, &set))
			require.Equal(t, 1, set.ID)
			res, err := c.try(putReq("/logstores/store/shards/route?key="+highKey, logGroup("x"), "lz4"))
			require.Equal(t, tc.status == 0, err != nil, "%v", err)
			if err == nil {
				require.Equal(t, tc.status, res.status)
			}
			require.Equal(t, tc.stored, s.LogCount("proj", "store") == 1)
			var list []map[string]any
			require.Equal(t, 200, c.admin("DELETE", "/_slsfake/faults/1", "", &list))
			require.Empty(t, list)
			require.Equal(t, 404, c.admin("DELETE", "/_slsfake/faults/1", "", nil))
			c.put("y")
		})
	}
}

// every and times count the calls that match.
func TestFaultsCount(t *testing.T) {
	s, c := newServer(t, Config{})
	write := func() int { return c.do(putReq("/logstores/store", logGroup("x"), "")).status }
	c.admin("POST", "/_slsfake/faults", `{"name":"n","every":3,"times":2,"op":"PutLogs","fail_html":503}`, nil)
	var got []int
	for range 10 {
		got = append(got, write())
	}
	require.Equal(t, []int{200, 200, 503, 200, 200, 503, 200, 200, 200, 200}, got)
	var list []map[string]any
	c.admin("GET", "/_slsfake/faults", "", &list)
	require.Equal(t, []map[string]any{{"id": 1.0, "name": "n", "every": 3.0, "times": 2.0, "op": "PutLogs", "fail_html": 503.0, "seen": 10.0, "hit": 2.0}}, list)
	c.admin("POST", "/_slsfake/faults", `{"fail_html":500}`, nil)
	require.Equal(t, 500, write())
	require.Equal(t, 200, c.admin("DELETE", "/_slsfake/faults", "", &list))
	require.Empty(t, list)
	require.Equal(t, 200, write())
	require.Empty(t, s.Faults())

	// A number that is used up with nothing stored.
	c.admin("POST", "/_slsfake/faults", `{"times":1,"record_sequence":true,"fail":{"status":500,"code":"InternalServerError"}}`, nil)
	require.Equal(t, 500, c.do(sequenceReq(lowKey, "1", "x")).status)
	require.Equal(t, "InvalidSequenceId", c.do(sequenceReq(lowKey, "1", "x")).code)
}

func TestFaultsThatAreWrong(t *testing.T) {
	s, c := newServer(t, Config{})
	for fault, want := range map[string]string{
		`{}`:                                 "nothing happens",
		`{"record_sequence":true}`:           "nothing happens",
		`{"op":"Put","close_before":true}`:   `op "Put"`,
		`{"fial":{}}`:                        `"fial"`,
		`{"fail":{"status":200,"code":"x"}}`: "400 to 599",
		`{"fail":{"status":500}}`:            "a code",
		`{"fail_after":{"status":99}}`:       "400 to 599",
		`{"answer":{"status":99}}`:           "200 to 599",
		`{"fail_html":200}`:                  "400 to 599",
		`{"delay":2}`:                        `as "2s"`,
		`{"delay":"soon"}`:                   `"soon"`,
		`{"delay":"-1s"}`:                    `"-1s"`,
		`{"every":-1,"close_before":true}`:   "negative",
		`{"close_before":true} {}`:           "more than one",
		`[]`:                                 "cannot unmarshal",
		`{"fail":{"status":500,"code":"x"`:   "unexpected EOF",
	} {
		var refused struct{ Error string }
		require.Equal(t, 400, c.admin("POST", "/_slsfake/faults", fault, &refused), fault)
		require.Contains(t, refused.Error, want, fault)
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST", "http://127.0.0.1/_slsfake/faults", strings.NewReader(`{"close_before":true}`))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "text/plain") // what a page of another origin may send
	resp, err := c.hc.Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 415, resp.StatusCode)
	require.Empty(t, s.Faults())
}

// Each event comes with what is new, and only that.
func TestEvents(t *testing.T) {
	s, c := newServer(t, Config{})
	c.put("before")
	s.CreateLogstore("proj", "third", 1)
	resp, err := c.hc.Get("http://127.0.0.1/_slsfake/events") //nolint:noctx // the server's end ends it
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	next := func(name string) string {
		for lines.Scan() {
			if lines.Text() == "event: "+name {
				require.True(t, lines.Scan())
				data, ok := strings.CutPrefix(lines.Text(), "data: ")
				require.True(t, ok)
				return data
			}
		}
		require.Fail(t, "no event "+name)
		return ""
	}
	var state stateJSON
	require.NoError(t, json.Unmarshal([]byte(next("state")), &state))
	require.Equal(t, []string{"store", "third"}, []string{state.Projects[0].Logstores[0].Name, state.Projects[0].Logstores[1].Name})
	require.Contains(t, next("logs"), `"before"`)
	c.put("<b>after</b>")
	data := next("logs")
	require.NotContains(t, data, `"before"`)
	require.Contains(t, data, `after`)
	c.do(putReq("/logstores/none", logGroup("x"), ""))
	data = next("refused")
	require.Contains(t, data, `"code":"LogStoreNotExist","message":"logstore none does not exist"`)
	s.Close() // ends the stream
	for lines.Scan() {
	}
}

// The lag is what lies between a group's checkpoint and the end of a shard.
func TestLagInTheState(t *testing.T) {
	s, c := newServer(t, Config{})
	s.CreateLogstore("proj", "store", 1)
	for range 3 {
		c.put("a", "b")
	}
	c.sendJSON("POST", "/logstores/store/consumergroups", map[string]any{"consumerGroup": "group", "timeout": 30, "order": true})
	lag := func() positioningJSON { return s.state().Projects[0].Logstores[0].Groups[0].Shards[0] }
	require.Equal(t, positioningJSON{Lag: 3, LagLogs: 6}, lag())
	c.sendJSON("POST", "/logstores/store/consumergroups/group?type=heartbeat&consumer=c", []int{})
	begin := s.Shards("proj", "store")[0].Begin
	c.sendJSON("POST", "/logstores/store/consumergroups/group?type=checkpoint&consumer=c",
		map[string]any{"shard": 0, "checkpoint": encodeCursor(begin + 2)})
	require.Equal(t, positioningJSON{Consumer: "c", Position: true, Lag: 1, LagLogs: 2}, lag())
	require.NoError(t, s.TrimShard("proj", "store", 0, begin+3))
	require.Equal(t, positioningJSON{Consumer: "c", Position: true}, lag())
}

func TestRecent(t *testing.T) {
	var r recent[int]
	got, last := r.after(0)
	require.Empty(t, got)
	require.Zero(t, last)
	for i := 1; i <= 1000; i++ {
		r.add(i)
		got, last = r.after(uint64(max(0, i-3)))
		require.EqualValues(t, i, last)
		require.Len(t, got, min(i, 3))
		require.Equal(t, i, got[len(got)-1])
		all, _ := r.after(0)
		require.Len(t, all, min(i, recentKept))
		require.Equal(t, i-len(all)+1, all[0])
	}
}

func TestOperationsAreAll(t *testing.T) {
	ops := constants(t, "hooks.go", "Op")
	delete(ops, "OpUnknown")
	require.Len(t, operations, len(ops))
	for _, op := range ops {
		require.Contains(t, operations, Op(op))
	}
}

// FuzzFault: what is accepted does something to a call, and reads the same again.
func FuzzFault(f *testing.F) {
	f.Add([]byte(`{"op":"PutLogs","every":2,"fail":{"status":500,"code":"x"},"delay":"1s","truncate":0}`))
	f.Add([]byte(`{"answer":{"status":200,"header":{"a":["b"]},"body":"c"},"shard":1,"slow_body":9}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		fault, err := readFault(b)
		if err != nil {
			return
		}
		c := &Call{}
		fault.act(c)
		require.NotEqual(t, plan{}, c.plan)
		again, err := json.Marshal(fault)
		require.NoError(t, err)
		back, err := readFault(again)
		require.NoError(t, err)
		require.Equal(t, time.Duration(fault.Delay), time.Duration(back.Delay))
	})
}
