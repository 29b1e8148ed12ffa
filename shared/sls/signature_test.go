package sls

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// signatures is a transport that notes how requests are signed: v1, or the region of V4.
type signatures struct {
	to   http.RoundTripper
	seen []string
}

func (s *signatures) RoundTrip(r *http.Request) (*http.Response, error) {
	how := SignV1
	if _, scope, v4 := strings.Cut(r.Header.Get("Authorization"), "Credential="); v4 {
		how = strings.Split(scope, "/")[2]
	}
	s.seen = append(s.seen, how)
	return s.to.RoundTrip(r)
}

// take returns what was seen since it was last called.
func (s *signatures) take() []string {
	seen := s.seen
	s.seen = nil
	return seen
}

// putGroup writes a log group that the emulator takes.
func putGroup(t *testing.T, c *Client) error {
	t.Helper()
	raw := encodeGroup(t, "value")
	return c.Logstore("proj", "store").PutLogs(t.Context(), Body{Data: raw, RawSize: len(raw), Codec: None}, "")
}

func TestRegionOfAnEndpoint(t *testing.T) {
	for raw, want := range map[string]string{
		"cn-hangzhou.log.aliyuncs.com":                  "cn-hangzhou",
		"https://cn-hangzhou-intranet.log.aliyuncs.com": "cn-hangzhou",
		"http://ap-southeast-1-vpc.log.aliyuncs.com/":   "ap-southeast-1",
		"cn-shanghai-share.sls.aliyuncs.com":            "cn-shanghai",
		"CN-Beijing-internal.log.aliyuncs.com":          "cn-beijing",
		"cn-hangzhou-acdr-ut-1.log.aliyuncs.com":        "cn-hangzhou-acdr-ut-1",
		"log-global.aliyuncs.com":                       "", // acceleration
		"cn-hangzhou.log.aliyuncs.com:8080":             "",
		"a.cn-hangzhou.log.aliyuncs.com":                "",
		"cn-hangzhou.log.aliyuncs.com.example.org":      "",
		"sls.example.org":                               "",
		"127.0.0.1":                                     "",
		"localhost:8089":                                "",
	} {
		ep, err := parseEndpoint(raw)
		require.NoError(t, err, raw)
		require.Equal(t, want, ep.ownRegion(), raw)
	}
}

func TestWhichSignature(t *testing.T) {
	const telling, other = "http://cn-test-intranet.log.aliyuncs.com", "http://sls.test"
	for _, c := range []struct {
		endpoint, version, region string
		want                      string // v1 or a region
		wrong                     string // or why there is no client
	}{
		{telling, "", "", "cn-test", ""},
		{telling, SignAuto, "", "cn-test", ""},
		{other, SignAuto, "", SignV1, ""},
		{other, SignAuto, "cn-test", "cn-test", ""},
		{"http://cn-far.log.aliyuncs.com", SignAuto, "cn-test", "cn-test", ""},
		{telling, SignV1, "cn-test", SignV1, ""},
		{telling, SignV4, "", "cn-test", ""},
		{other, "V4", "cn-test", "cn-test", ""},
		{other, SignV4, "", "", "option region: not set, but sign_version v4 needs it: the name sls.test does not tell it"},
		{telling + "," + other, SignV4, "", "", "the name sls.test does not tell it"},
		{telling, SignAuto, "a/b", "", `region "a/b": only letters`},
		{telling, "v2", "", "", `sign_version "v2": must be auto, v1 or v4`},
	} {
		fake := newFake(t)
		seen := &signatures{to: fake.Transport()}
		client, err := New(Config{
			Endpoint: c.endpoint, SignVersion: c.version, Region: c.region, Transport: seen, Credentials: staticKeys(""),
		})
		if c.wrong != "" {
			require.ErrorContains(t, err, c.wrong, "%+v", c)
			continue
		}
		require.NoError(t, err)
		require.NoError(t, putGroup(t, client))
		require.Equal(t, []string{c.want}, seen.take(), "%+v", c)
		client.Close()
	}
}

// Each endpoint of a list is signed for by what its own name tells.
func TestEachEndpointIsSignedForByItself(t *testing.T) {
	fake := newFake(t)
	seen := &signatures{to: fake.Transport()}
	c := newClient(t, "http://cn-test.log.aliyuncs.com,http://log-global.aliyuncs.com", func(cfg *Config) { cfg.Transport = seen })
	require.NoError(t, putGroup(t, c))
	c.endpoints.use(1, "test")
	require.NoError(t, putGroup(t, c))
	c.endpoints.use(0, "test")
	require.NoError(t, putGroup(t, c))
	require.Equal(t, []string{"cn-test", SignV1, "cn-test"}, seen.take())
}

// What one endpoint has accepted says nothing about the name of another.
func TestV4IsRefusedByOneEndpointOfTwo(t *testing.T) {
	const right, wrong = "http://cn-test.log.aliyuncs.com", "http://cn-wrong.log.aliyuncs.com"
	for endpoints, want := range map[string][]string{
		right + "," + wrong: {"cn-test", "cn-wrong", SignV1, SignV1, "cn-test"},
		wrong + "," + right: {"cn-wrong", SignV1, "cn-test", "cn-test", SignV1},
	} {
		fake := newFake(t)
		seen := &signatures{to: fake.Transport()}
		c := newClient(t, endpoints, func(cfg *Config) { cfg.Transport = seen })
		for _, index := range []int{0, 1, 1, 0} {
			c.endpoints.use(index, "test")
			require.NoError(t, putGroup(t, c), endpoints)
		}
		require.Equal(t, want, seen.take(), endpoints)
	}
}

// The name of an endpoint may mislead: that costs one request.
func TestV4RefusedWithAutoBecomesV1(t *testing.T) {
	fake := newFake(t)
	seen := &signatures{to: fake.Transport()}
	var log bytes.Buffer
	c := newClient(t, "http://cn-wrong.log.aliyuncs.com", func(cfg *Config) {
		cfg.Transport, cfg.Logger = seen, slog.New(slog.NewTextHandler(&log, nil))
	})
	require.NoError(t, putGroup(t, c))
	require.Equal(t, []string{"cn-wrong", SignV1}, seen.take())
	require.NoError(t, putGroup(t, c))
	require.Equal(t, []string{SignV1}, seen.take())
	require.Equal(t, 2, fake.LogCount("proj", "store"))
	require.Equal(t, 1, strings.Count(log.String(), "level=WARN"))
	require.Contains(t, log.String(), "option region")
	require.Contains(t, log.String(), "cn-wrong")

	c = newClient(t, "http://cn-wrong.log.aliyuncs.com", func(cfg *Config) { cfg.Transport, cfg.SignVersion = seen, SignV4 })
	require.True(t, IsCode(putGroup(t, c), "SignatureNotMatch"))
	require.Equal(t, []string{"cn-wrong"}, seen.take(), "v4 is v4")
}

// A wrong secret is no reason to give V4 up: it is used again once the secret is right.
func TestWrongSecretDoesNotEndV4(t *testing.T) {
	fake := newFake(t)
	seen := &signatures{to: fake.Transport()}
	secret := "wrong"
	c := newClient(t, "http://cn-test.log.aliyuncs.com", func(cfg *Config) {
		cfg.Transport, cfg.Credentials = seen, provider(func() (sdk.Credentials, error) {
			return sdk.Credentials{AccessKeyID: testKey, AccessKeySecret: secret}, nil
		})
	})
	e := requireError(t, putGroup(t, c))
	require.Equal(t, "SignatureNotMatch", e.Code)
	require.Equal(t, []string{"cn-test", SignV1}, seen.take())

	// What V1 was told says nothing when it is no acceptance.
	secret = testSecret
	fake.Hook(slsfake.OpPutLogs, slsfake.First(2, func(c *slsfake.Call) {
		if c.N == 1 {
			c.Fail(401, "SignatureNotMatch", "")
		} else {
			c.Fail(503, "ServerBusy", "")
		}
	}))
	require.True(t, IsCode(putGroup(t, c), "ServerBusy"))
	require.Equal(t, []string{"cn-test", SignV1}, seen.take())
	require.NoError(t, putGroup(t, c))
	require.Equal(t, []string{"cn-test"}, seen.take())
}

// What was accepted once does not fall back: a secret that was changed stays one
// request and one error, and V4 comes back with the next.
func TestV4AcceptedStaysV4(t *testing.T) {
	fake := newFake(t)
	seen := &signatures{to: fake.Transport()}
	c := newClient(t, "http://cn-test.log.aliyuncs.com", func(cfg *Config) { cfg.Transport = seen })
	require.NoError(t, putGroup(t, c))
	remove := fake.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Fail(401, "SignatureNotMatch", "") })
	require.True(t, IsCode(putGroup(t, c), "SignatureNotMatch"))
	remove()
	require.NoError(t, putGroup(t, c))
	require.Equal(t, []string{"cn-test", "cn-test", "cn-test"}, seen.take())
}
