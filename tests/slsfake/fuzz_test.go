package slsfake

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"unicode/utf8"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"
)

// FuzzVerifyGroup: what the verifier accepts, the SDK's generated code reads
// as the same logs; what that refuses, the verifier refuses.
func FuzzVerifyGroup(f *testing.F) {
	f.Add(logGroup("a", "b"))
	f.Add(field(1, varint(1, 1), fixed32(4, 7), pair(2, "k", "v"), varint(9, 1)))
	f.Add(append(field(3, []byte("topic")), pair(6, "k", "\xff")...))
	f.Add([]byte{0x0a, 0x80, 0x80, 0x80, 0x80, 0x80})
	f.Add([]byte{0x0b, 0x0c})
	f.Add(append(field(6, field(1, []byte("k"))), field(1, varint(1, 1), field(2, field(1, []byte("k"))), varint(9, 1))...))
	f.Fuzz(func(t *testing.T, b []byte) {
		orig := bytes.Clone(b)
		facts, refusal := verifyGroup(b, groupLimits{})
		require.Equal(t, orig, b)
		var g sdk.LogGroup
		err := proto.Unmarshal(b, &g)
		if refusal != nil {
			require.NotEmpty(t, refusal.code)
			return
		}
		if facts.noValue > 0 {
			b = completeGroup(b)
			g.Reset()
			err = proto.Unmarshal(b, &g)
		}
		require.NoError(t, err, "accepted, but the reference refuses it")
		require.Len(t, g.Logs, facts.logs)
		i := 0
		decodeGroup(b, Log{}, func(l Log) bool {
			sameLog(t, &g, g.Logs[i], l, i)
			i++
			return true
		})
		require.Equal(t, facts.logs, i)
	})
}

func sameLog(t *testing.T, g *sdk.LogGroup, want *sdk.Log, got Log, index int) {
	require.Equal(t, []any{g.GetTopic(), g.GetSource(), want.GetTime(), want.TimeNs, index},
		[]any{got.Topic, got.Source, got.Time, got.TimeNs, got.Index})
	require.Len(t, got.Contents, len(want.Contents))
	for i, c := range want.Contents {
		require.Equal(t, Pair{c.GetKey(), c.GetValue()}, got.Contents[i])
		require.True(t, utf8.ValidString(c.GetKey()+c.GetValue()))
	}
	for _, tag := range g.LogTags {
		require.Contains(t, got.Tags, tag.GetKey())
	}
}

func FuzzAuthorization(f *testing.F) {
	f.Add("LOG ak:sig")
	f.Add("SLS4-HMAC-SHA256 Credential=ak/20260102/cn-x/sls/aliyun_v4_request,Signature=00ff")
	f.Add("SLS4-HMAC-SHA256 Credential=////,Signature=")
	f.Fuzz(func(t *testing.T, h string) {
		a, ok := parseAuthorization(h)
		if !ok {
			return
		}
		require.NotEmpty(t, a.keyID)
		require.NotEmpty(t, a.signature)
		back := schemeV1 + a.keyID + ":" + a.signature
		if a.v4 {
			back = schemeV4 + "Credential=" + a.keyID + "/" + a.date + "/" + a.region + "/sls/aliyun_v4_request,Signature=" + a.signature
		}
		require.Equal(t, h, back)
	})
}

// FuzzHeaders drives authentication with arbitrary header values: it must
// refuse, and say why, but never accept or fail.
func FuzzHeaders(f *testing.F) {
	f.Add("LOG testkey:sig", "Mon, 02 Jan 2006 15:04:05 GMT", "", "0.6.0", "a=1", "x")
	f.Add("SLS4-HMAC-SHA256 Credential=testkey/20260102/r/sls/aliyun_v4_request,Signature=0", "", "20260102T030405Z", "0.6.0", "", "")
	f.Fuzz(func(t *testing.T, auth, date, logDate, version, query, body string) {
		s := New(Config{})
		defer s.Close()
		r := &request{http: httptest.NewRequest(http.MethodPost, "/logstores", http.NoBody), body: []byte(body)}
		r.http.URL.RawQuery = query
		for name, v := range map[string]string{
			"Authorization": auth, "Date": date, "X-Log-Date": logDate, "X-Log-Apiversion": version,
			"Content-Type": "text/plain", "X-Log-Signaturemethod": "hmac-sha1",
		} {
			r.http.Header.Set(name, v)
		}
		err := s.admit(r)
		require.NotNil(t, err)
		require.NotEmpty(t, err.code)
		require.GreaterOrEqual(t, err.status, 400)
	})
}

func FuzzDecodeCursor(f *testing.F) {
	f.Add(encodeCursor(0))
	f.Add(encodeCursor(1713846769287552392))
	f.Add("MDE=")
	f.Fuzz(func(t *testing.T, c string) {
		n, ok := decodeCursor(c)
		if ok {
			require.GreaterOrEqual(t, n, int64(0))
			require.Equal(t, c, encodeCursor(n), "one spelling per number")
		}
		got, err := DecodeCursor(c)
		require.Equal(t, ok, err == nil)
		require.Equal(t, n, got)
	})
}

func FuzzRoute(f *testing.F) {
	f.Add("GET", "/logstores/l/shards/1", "type=logs", "p.127.0.0.1:1")
	f.Add("POST", "/logstores/l/consumergroups/g", "type=heartbeat", "[::1]:9")
	f.Add("PUT", "//", "", "")
	f.Fuzz(func(t *testing.T, method, path, query, host string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		rt, ok := parseRoute(method, projectOf(host), path, q)
		require.Equal(t, ok, rt.run != nil)
		require.Equal(t, ok, rt.op != "")
		require.NotContains(t, projectOf(host), ".")
	})
}

// FuzzJSONBodies sends arbitrary bodies to every operation that reads JSON:
// the answer is 200 or a refusal of the service's form, never a failure.
func FuzzJSONBodies(f *testing.F) {
	f.Add([]byte(`{"consumerGroup":"g1","timeout":3,"order":true}`))
	f.Add([]byte(`{"shard":0,"checkpoint":"MQ=="}`))
	f.Add([]byte(`{"logstoreName":"ab","ttl":1,"shardCount":1}`))
	f.Add([]byte(`{"projectName":"abc","description":"d"}`))
	f.Add([]byte(`{"line":{"token":[","]},"keys":{"k":{"type":"long"}}}`))
	f.Add([]byte(`{"from":1,"to":2,"query":"a","line":null,"reverse":true}`))
	f.Add([]byte(`[0,1,-1,99999999999]`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s := New(Config{})
		defer s.Close()
		s.CreateLogstore("p", "l", 1)
		hr := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
		hr.Header.Set("Content-Type", "application/json")
		r := &request{http: hr, body: body, project: "p", route: route{logstore: "l", group: "gg"}}
		r.query = url.Values{"consumer": {"c"}, "forceSuccess": {"true"}}
		s.projects["p"].logstores["l"].groups["gg"] = newConsumerGroup("gg", 1, true)
		for _, op := range []func(*Server, *request) (answer, *apiError){
			(*Server).createConsumerGroup, (*Server).updateConsumerGroup, (*Server).heartbeat,
			(*Server).updateCheckpoint, (*Server).createLogstore, (*Server).updateLogstore,
			(*Server).createProject, (*Server).updateProject, (*Server).createIndex, (*Server).updateIndex,
			(*Server).getLogsV3,
		} {
			a, err := op(s, r)
			if err != nil {
				require.Equal(t, 4, err.status/100)
			} else {
				require.Equal(t, 200, a.status)
			}
		}
	})
}

// FuzzDecompress: hostile bodies end in an error or in exactly the size
// promised.
func FuzzDecompress(f *testing.F) {
	c := newCodecs(1 << 20)
	defer c.close()
	for _, codec := range []string{"lz4", "zstd", "deflate"} {
		b, err := c.compress(codec, logGroup("a"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint16(len(logGroup("a"))), codec)
	}
	f.Fuzz(func(t *testing.T, b []byte, size uint16, codec string) {
		if out, err := c.decompress(codec, b, int(size)); err == nil {
			require.Len(t, out, int(size))
		}
	})
}
