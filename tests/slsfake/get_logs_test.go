package slsfake

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"
)

// written is a log of the tests: second, topic and fields as "key=value".
func written(second uint32, ns uint32, topic string, fields ...string) *sdk.LogGroup {
	l := &sdk.Log{Time: proto.Uint32(second), TimeNs: proto.Uint32(ns)}
	for _, f := range fields {
		k, v, _ := strings.Cut(f, "=")
		l.Contents = append(l.Contents, &sdk.LogContent{Key: proto.String(k), Value: proto.String(v)})
	}
	return &sdk.LogGroup{
		Topic: proto.String(topic), Source: proto.String("10.0.0.1"), Logs: []*sdk.Log{l},
		LogTags: []*sdk.LogTag{{Key: proto.String("host"), Value: proto.String("node " + topic)}},
	}
}

// searched has logstore proj/store with six logs, numbered by their field n in the
// order of their time, which is not that of writing.
func searched(t *testing.T) (*Server, *client) {
	s, c := newServer(t, Config{})
	for _, g := range []*sdk.LogGroup{
		written(1004, 0, "web", "n=5", "level=error", "msg=GET /index refused", "status=500", "took=1.5"),
		written(1000, 0, "web", "n=1", "level=info", "msg=GET /index ok", "status=200", "took=0.5"),
		written(1002, 5, "db", "n=3", "level=Error", "msg=refused GET", "status=404", "took=-2"),
		written(1002, 9, "db", "n=4", "level=warn", "msg=日志 a:b user-123", "status=none"),
		written(1001, 0, "web", "n=2", "level=info", "msg=and or not", "status=299", "took=1e2"),
		written(1005, 0, "", "n=6", "level=debug", "msg="),
	} {
		_, _, err := s.Append("proj", "store", "", mustMarshal(g))
		require.NoError(t, err)
	}
	require.Equal(t, 200, c.sendJSON("POST", "/logstores/store/index", map[string]any{
		"line": map[string]any{"token": strings.Split(" /,", ""), "caseSensitive": false, "exclude_keys": []string{"n"}},
		"keys": map[string]any{
			"level":  map[string]any{"type": "text", "token": []string{}, "caseSensitive": true},
			"msg":    map[string]any{"type": "text", "token": strings.Split(" /,", "")},
			"status": map[string]any{"type": "long"}, "took": map[string]any{"type": "double"},
		},
	}).status)
	return s, c
}

// search returns the numbers of the logs that a query finds, or the refusal's code.
func (c *client) search(query string, more string) string {
	c.t.Helper()
	res := c.get("/logstores/store?type=log&from=1&to=2000&query="+url.QueryEscape(query)+more, nil)
	if res.status != 200 {
		return fmt.Sprint(res.status, " ", res.code)
	}
	var logs []map[string]string
	require.NoError(c.t, json.Unmarshal(res.body, &logs))
	require.Equal(c.t, strconv.Itoa(len(logs)), res.header.Get("X-Log-Count"))
	require.Equal(c.t, "Complete", res.header.Get("X-Log-Progress"))
	var found []string
	for _, l := range logs {
		found = append(found, l["n"])
	}
	return strings.Join(found, " ")
}

func TestSearchStatements(t *testing.T) {
	_, c := searched(t)
	for query, want := range map[string]string{
		"": "1 2 3 4 5 6", "  ": "1 2 3 4 5 6", "*": "1 2 3 4 5 6", "* and *": "1 2 3 4 5 6", "not *": "",

		"refused": "3 5", "REFUSED": "3 5", "refus": "", "refus*": "3 5", "r?fused": "3 5", "r*d": "3 5", "refused?": "",
		"error": "5", "Error": "3", "日志": "4", "user-123": "4", "GET refused": "3 5", "get index": "1 5",
		"index error": "5", "/index": "1 5", "5": "", // n is excluded, status a number

		`"refused GET"`: "3 5", `"GET refused"`: "3 5", `#"refused GET"`: "3", `#"GET /index"`: "1 5", `#"GET index ok"`: "1",
		`"and"`: "2", `"a:b"`: "4", `"refused" "GET"`: "3 5", `"re\"fused"`: "", `"ref*"`: "",

		"level: error": "5", "level:info": "1 2", `level: "Error"`: "3", "level: e*": "5", "level: *": "1 2 3 4 5 6",
		"took: *": "1 2 3 5", `msg: "refused GET"`: "3 5", `msg: #"refused GET"`: "3", "msg: index and level: error": "5",
		"status: 200": "1", "took: 1.5": "5", `"level": info`: "1 2",
		"__topic__: db": "3 4", "__source__: 10.0.0.1 and __topic__: web": "1 2 5", "__tag__:host: db": "3 4",
		`__tag__:host: "node web"`: "1 2 5", "__tag__:none: *": "",

		"status > 299": "3 5", "status >= 299": "2 3 5", "status<299": "1", "status <= 299": "1 2", "status = 404": "3",
		"took > -2": "1 2 5", "took >= 100": "2", "status in [200 299]": "1 2", "status in (200 299]": "2",
		"status in [200 299)": "1", "status IN (200 299)": "",

		"level: info or level: error": "1 2 5", "level: info OR level: error AND msg: index": "1 2 5",
		"(level: info or level: error) and msg: index": "1 5", "msg: index not level: error": "1",
		"not level: info": "3 4 5 6", "not not level: info": "1 2", "not level: info and GET": "3 5",
		"not (level: info or GET)": "4 6", "GET and not status > 299": "1",
	} {
		require.Equal(t, want, c.search(query, ""), query)
	}
	for _, query := range []string{
		"and", "and source: *", "a and", "a or", "not", "(a", "a)", "()", "a: ", ": a", "a: and", "level: (a)", `"a`, `a"`, `#"a`,
		"status >", "status > x", "status > 5x", "status > NaN", "status in [1 2", "status in [1]", "status in [a b]", "[1 2]", "> 5",
		"n: 1", "n > 1", "msg > 1", "status: ok", "*a", "?a", "msg: *a", "key: *", strings.Repeat("(", 200) + "a" + strings.Repeat(")", 200),
	} {
		require.Equal(t, "400 ParameterInvalid", c.search(query, ""), query)
	}
	for _, query := range []string{"* | select *", "|", "GET|", "a or b | with_pack_meta", "* |"} {
		require.Equal(t, "400 NotSupported", c.search(query, ""), query)
	}
	require.Equal(t, "4", c.search(`"a:b" or "|"`, ""), "within a string it is a character")
}

func TestSearchParameters(t *testing.T) {
	_, c := searched(t)
	for more, want := range map[string]string{
		"": "1 2 3 4 5 6", "&line=2": "1 2", "&line=0": "", "&line=1000": "1 2 3 4 5 6", "&offset=4": "5 6", "&offset=9": "",
		"&offset=1&line=2": "2 3", "&reverse=true": "6 5 4 3 2 1", "&reverse=true&offset=1&line=2": "5 4", "&reverse=False": "1 2 3 4 5 6",
		"&topic=db": "3 4", "&topic=none": "", "&powerSql=true&accurate=True&forward=false&highlight=false&session=": "1 2 3 4 5 6",
		"&line=-1": "400 ParameterInvalid", "&offset=-1": "400 ParameterInvalid", "&line=x": "400 ParameterInvalid",
		"&reverse=up": "400 ParameterInvalid", "&highlight=true": "400 NotSupported", "&session=mode%3Dscan": "400 NotSupported",
	} {
		require.Equal(t, want, c.search("", more), more)
	}
	for uri, want := range map[string]string{
		"from=1001&to=1004": "2 3 4", "from=1004&to=1005": "5", "from=1002&to=1002&fromNs=5&toNs=9": "3",
		"from=1002&to=1002&fromNs=6&toNs=10": "4", "from=1005&to=1005": "InvalidTimeRange", "from=9&to=1": "InvalidTimeRange",
		"from=-1&to=9": "ParameterInvalid", "from=1": "ParameterInvalid", "to=1": "ParameterInvalid", "from=a&to=b": "ParameterInvalid",
		"from=1&to=2&toNs=1000000000": "ParameterInvalid",
	} {
		res := c.get("/logstores/store?type=log&"+uri, nil)
		var logs []map[string]string
		if res.status == 200 {
			require.NoError(t, json.Unmarshal(res.body, &logs))
			for _, l := range logs {
				res.code += " " + l["n"]
			}
		}
		require.Equal(t, want, strings.TrimSpace(res.code), uri)
	}
	require.Equal(t, "LogStoreNotExist", c.get("/logstores/none?type=log&from=1&to=2", nil).code)
	c.s.CreateLogstore("proj", "bare", 1)
	for _, kind := range []string{"log", "histogram"} {
		res := c.get("/logstores/bare?type="+kind+"&from=1&to=2", nil)
		require.Equal(t, []any{400, "IndexConfigNotExist"}, []any{res.status, res.code})
		require.Contains(t, string(res.body), "logstore without index config")
	}
}

// The fields of a log as an answer shows them: where, when and what first.
func TestSearchAnswer(t *testing.T) {
	_, c := searched(t)
	res := c.get("/logstores/store?type=log&from=1002&to=1003&line=1", nil)
	require.Equal(t, `[{"__source__":"10.0.0.1","__time__":"1002","__topic__":"db","__tag__:host":"node db",`+
		`"__time_ns_part__":"5","n":"3","level":"Error","msg":"refused GET","status":"404","took":"-2"}]`, string(res.body))
	require.Equal(t, "[]", string(c.get("/logstores/store?type=log&from=1&to=2", nil).body))
	_, _, err := c.s.Append("proj", "store", "", mustMarshal(written(1, 0, "t", "a=1", "b=2", "a=3")))
	require.NoError(t, err)
	require.Contains(t, string(c.get("/logstores/store?type=log&from=1&to=2", nil).body), `"a":"3","b":"2"}]`)
}

// The Go SDK, by POST and with either compression.
func TestSearchBySDK(t *testing.T) {
	_, c := searched(t)
	client := sdk.CreateNormalInterfaceV2(sdkEndpoint, sdk.NewStaticCredentialsProvider("testkey", "testsecret", ""))
	client.SetHTTPClient(c.hc)
	for _, codec := range []int{sdk.Compress_LZ4, sdk.Compress_ZSTD} {
		got, err := client.GetLogsV3("proj", "store", &sdk.GetLogRequest{
			From: 1, To: 2000, Query: "GET", Lines: 2, Reverse: true, CompressType: codec,
		})
		require.NoError(t, err)
		require.True(t, got.IsComplete())
		require.Equal(t, []any{int64(2), int64(6), "GET", false},
			[]any{got.Meta.Count, got.Meta.ProcessedRows, got.Meta.WhereQuery, got.Meta.HasSQL})
		require.Equal(t, []string{"5", "3"}, []string{got.Logs[0]["n"], got.Logs[1]["n"]})
	}
	_, err := client.GetLogsV3("proj", "store", &sdk.GetLogRequest{From: 1, To: 2, Query: "* | select 1"})
	require.ErrorContains(t, err, "NotSupported")
	histogram, err := client.GetHistograms("proj", "store", "web", 1000, 1006, "GET")
	require.NoError(t, err)
	require.True(t, histogram.IsComplete())
	require.Equal(t, int64(2), histogram.Count)
	require.Len(t, histogram.Histograms, 6)
	require.Equal(t, sdk.SingleHistogram{Progress: "Complete", Count: 1, From: 1004, To: 1005}, histogram.Histograms[4])

	for body, code := range map[string]string{
		`{"from":1,"to":2,"unheard":1}`: "NotSupported", `{"from":1,"to":2,"session":"mode=scan"}`: "NotSupported",
		`{"from":1,"to":2,"query":{}}`: "JsonInfoInvalid", `[]`: "JsonInfoInvalid", `{"from":1}`: "ParameterInvalid",
		`{"from":1,"to":2,"topic":null}`: "",
	} {
		res := c.do(req{
			method: "POST", uri: "/logstores/store/logs", body: []byte(body),
			headers: map[string]string{"Content-Type": "application/json", "Accept-Encoding": "deflate"},
		})
		require.Equal(t, code, res.code, "%s: %s", body, res.body)
	}
}

// A range of more seconds than parts is cut into equal ones; the last may be shorter;
// together they count every log once.
func TestHistogramParts(t *testing.T) {
	_, c := searched(t)
	for uri, want := range map[string][3]int64{ // parts, length of the first, of the last
		"from=1000&to=1060": {60, 1, 1}, "from=1000&to=1061": {31, 2, 1}, "from=0&to=2000": {59, 34, 28}, "from=1000&to=1000&toNs=1": {1, 1, 1},
	} {
		res := c.get("/logstores/store?type=histogram&"+uri, nil)
		var parts []sdk.SingleHistogram
		require.NoError(t, json.Unmarshal(res.body, &parts), "%s", res.body)
		first, last := parts[0], parts[len(parts)-1]
		require.Equal(t, want, [3]int64{int64(len(parts)), first.To - first.From, last.To - last.From}, uri)
		total := int64(0)
		for i, p := range parts {
			total += p.Count
			if i > 0 {
				require.Equal(t, parts[i-1].To, p.From)
			}
		}
		require.Equal(t, strconv.FormatInt(total, 10), res.header.Get("X-Log-Count"), uri)
	}
	for more, code := range map[string]string{
		"&interval=5": "NotSupported", "&reverse=true": "NotSupported", "&shard=1": "NotSupported", "&line=1": "NotSupported",
		"&interval=0&reverse=false": "", "&query=and": "ParameterInvalid", "&query=*|a": "NotSupported",
	} {
		require.Equal(t, code, c.get("/logstores/store?type=histogram&from=1&to=2"+more, nil).code, more)
	}
}

func TestProjectLogs(t *testing.T) {
	_, c := searched(t)
	c.s.CreateLogstore("proj", "bare", 1)
	for sql, want := range map[string]string{
		"select count(*) as count from store where __time__ > '1000' and __time__ < '1005' limit 0,20": `[{"count":"4"}]`,
		"SELECT COUNT( * ) FROM \"store\";":                                  `[{"_col0":"6"}]`,
		"select * from store where __time__ >= 1005 limit 5":                 `[{"__source__":"10.0.0.1","__time__":"1005","__topic__":"","__tag__:host":"node ","__time_ns_part__":"0","n":"6","level":"debug","msg":""}]`,
		"select * from store where __time__ = 1 ":                            "[]",
		"select * from store limit 6, 10":                                    "[]",
		"select count(*) from store where __time__ <= 1001 and __time__>'1'": `[{"_col0":"2"}]`,

		"select * from none": "LogStoreNotExist", "select * from bare": "IndexConfigNotExist", "": "ParameterInvalid",
		"* | select * from store": "ParameterInvalid", "select * from store limit 10000": "ParameterInvalid",
		"select n from store": "NotSupported", "select * from store where n = 1": "NotSupported",
		"select * from store where __time__ > 1 or __time__ < 2": "NotSupported", "select * from store group by n": "NotSupported",
		"select * from store limit 99999999": "NotSupported",
	} {
		res := c.get("/logs?query="+url.QueryEscape(sql), nil)
		got := res.code
		if res.status == 200 {
			got = string(res.body)
		}
		require.Equal(t, want, got, sql)
	}
	require.Equal(t, "ParameterInvalid", c.get("/logs", nil).code)
	c.host = "none.emu.local"
	require.Equal(t, "ProjectNotExist", c.get("/logs?query=select+*+from+store", nil).code)
}

// FuzzQuery: whatever is asked, the answer is a refusal of the service's form or a
// matcher that works on any log, and what stands behind a | is never carried out.
func FuzzQuery(f *testing.F) {
	for _, q := range []string{
		"*", "a and b or not c", `k: "x y" and n > 5 in [1 2)`, `#"a b" __tag__:x: y`, "((a*b?))", `"\"|" |`, "not not not a in (1 2]",
	} {
		f.Add(q, "x y")
	}
	ix := &index{
		Line: &indexLine{Token: []string{" ", ","}, CaseSensitive: true},
		Keys: map[string]indexKey{"k": {Type: "text", Token: []string{" "}}, "n": {Type: "double"}},
	}
	f.Fuzz(func(t *testing.T, query, value string) {
		m, err := parseQuery(query, ix)
		if err != nil {
			require.Equal(t, 400, err.status)
			require.Contains(t, []string{"ParameterInvalid", "NotSupported"}, err.code)
			return
		}
		l := Log{Topic: value, Tags: map[string]string{"x": value}, Contents: []Pair{{"k", value}, {"n", "5"}, {value, query}}}
		found := m(&l)
		negated, err := parseQuery("not ("+query+")", ix)
		if strings.TrimSpace(query) == "" || err != nil { // nested too deep by now, or nothing to negate
			return
		}
		require.NotEqual(t, found, negated(&l), "a log is found by a statement or by its contrary")
	})
}

// FuzzWildcard: a pattern finds what an equal regular expression does, in time that
// does not explode.
func FuzzWildcard(f *testing.F) {
	f.Add("a*b?c", "aXbYc")
	f.Add("****a", "aaaa")
	f.Add(strings.Repeat("a*", 30)+"b", strings.Repeat("a", 60))
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern)*len(text) > 1<<16 {
			return
		}
		require.Equal(t, wildcardByTable([]rune(pattern), []rune(text)), wildcard(pattern, text))
	})
}

// wildcardByTable is the textbook's way.
func wildcardByTable(p, t []rune) bool {
	match := make([]bool, len(t)+1) // match[j]: the pattern so far is all of t[:j]
	match[0] = true
	for _, c := range p {
		next := make([]bool, len(t)+1)
		for j := range next {
			switch {
			case c == '*':
				next[j] = match[j] || j > 0 && next[j-1]
			case j > 0:
				next[j] = match[j-1] && (c == '?' || c == t[j-1])
			}
		}
		match = next
	}
	return match[len(t)]
}
