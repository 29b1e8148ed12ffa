package sls

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

// The check is a write that no server can carry out.
func TestCheckWriteIsNoLogGroup(t *testing.T) {
	rec := newRecorder(t, answerWith(400, `{"errorCode":"PostBodyInvalid","errorMessage":"Protobuffer content cannot be parsed"}`))
	require.NoError(t, newClient(t, rec.URL, nil).Logstore("p", "l").CheckWrite(t.Context()))
	got := rec.only(t)
	require.Equal(t, "POST /logstores/l", got.Method+" "+got.wanted)
	require.Equal(t, "application/x-protobuf", got.Header.Get("Content-Type"))
	require.NotEmpty(t, got.body)
	_, _, n := protowire.ConsumeField(got.body)
	require.Negative(t, n, "the first field is none, so nothing in front of it could be kept")
}

func TestWhatCheckWriteLearns(t *testing.T) {
	f := func(status int, code string, wantClass Class, allowed bool) {
		t.Helper()
		rec := newRecorder(t, answerWith(status, `{"errorCode":"`+code+`","errorMessage":"m"}`))
		err := newClient(t, rec.URL, nil).Logstore("p", "l").CheckWrite(t.Context())
		if allowed {
			require.NoError(t, err, code)
			return
		}
		require.Equal(t, wantClass, requireError(t, err).Class, code)
	}
	f(http.StatusOK, "", 0, true)
	f(400, "PostBodyInvalid", 0, true)
	f(400, "PostBodyUncompressError", 0, true)
	f(403, "WriteQuotaExceed", 0, true)
	f(401, "Unauthorized", ClassCredentials, false)
	f(404, "LogStoreNotExist", ClassConfiguration, false)
	f(404, "ProjectNotExist", ClassConfiguration, false)
	f(400, "ParameterInvalid", ClassPermanent, false)
	f(503, "ServerBusy", ClassRetry, false)
}

// A missing permission is mended by a policy, not by other keys, wherever they
// come from.
func TestDenied(t *testing.T) {
	const says = "denied by sts or ram, action: log:ConsumerGroupHeartBeat, resource: acs:log:cn-hangzhou:15:project/p/logstore/l/consumergroup/g"
	for name, change := range map[string]func(*Config){
		"typed keys": nil,
		"fetched keys": func(c *Config) {
			c.Credentials = &refresher{now: credential{AccessKeyID: testKey, AccessKeySecret: testSecret}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			rec := newRecorder(t, answerWith(401, `{"errorCode":"Unauthorized","errorMessage":"`+says+`"}`))
			_, err := newClient(t, rec.URL, change).Logstore("p", "l").ListShards(t.Context())
			action, resource, ok := Denied(err)
			require.True(t, ok)
			require.Equal(t, "log:ConsumerGroupHeartBeat", action)
			require.Equal(t, "acs:log:cn-hangzhou:15:project/p/logstore/l/consumergroup/g", resource)
			require.ErrorContains(t, err, "(check RAM action log:ConsumerGroupHeartBeat)")
			require.Equal(t, ClassCredentials, ClassOf(err))
		})
	}
	_, _, ok := Denied(&Error{Message: "denied by sts or ram, action: x, resource: y"})
	require.False(t, ok)
	_, _, ok = Denied(nil)
	require.False(t, ok)
}
