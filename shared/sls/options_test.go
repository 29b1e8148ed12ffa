package sls

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/credentials"
	"fluent-bit-sls/shared/option"
)

func TestConnectionOptions(t *testing.T) {
	var c ConnectionConfig
	require.NoError(t, option.Parse(option.Map{
		"endpoint": "http://127.0.0.1:1", "access_key_id": testKey, "access_key_secret": testSecret,
	}, c.Options()))
	require.NoError(t, c.Validate())
	require.Equal(t, ConnectionConfig{
		Endpoints: []string{"http://127.0.0.1:1"}, Credentials: c.Credentials,
		SignVersion: SignAuto, RequestTimeout: 30 * time.Second,
	}, c)
	require.Equal(t, staticKeys(""), c.ClientConfig("agent", 3, nil).Credentials)
	client, err := New(c.ClientConfig("agent", 3, nil))
	require.NoError(t, err)
	client.Close()
	require.Equal(t, 30*time.Second, client.timeout)

	require.Empty(t, option.Verify(c.Options(), option.Output))
	require.Empty(t, option.Verify(c.Options(), option.Input))
}

func TestConnectionOptionsReportAllProblems(t *testing.T) {
	var c ConnectionConfig
	err := errors.Join(option.Parse(option.Map{
		"endpoint": "ftp://x", "access_key_secret": testSecret + "\tx", "security_token": testToken + " x",
		"sign_version": "v4", "request_timeout": "10m",
	}, c.Options()), c.Validate())
	require.Error(t, err)
	for _, name := range []string{"endpoint", "access_key_id", "access_key_secret", "security_token", "region", "request_timeout"} {
		require.ErrorContains(t, err, name)
	}
	require.NotContains(t, err.Error(), testSecret)
	require.NotContains(t, err.Error(), testToken)
	require.Len(t, option.Problems(err), 6, "%v", err)
}

// However the struct is printed, the secrets are not.
func TestConnectionConfigMasksSecrets(t *testing.T) {
	c := ConnectionConfig{Credentials: credentials.Config{AccessKeyID: testKey, AccessKeySecret: testSecret, SecurityToken: testToken}}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "config", c, "pointer", &c)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "config", c, "pointer", &c)
	asJSON, err := json.Marshal(c)
	require.NoError(t, err)
	text := logged.String() + string(asJSON) + fmt.Sprintf("%v %+v %#v %s %v", c, c, c, c, &c) +
		fmt.Sprintf("%v %+v", c.ClientConfig("", 1, nil), c.ClientConfig("", 1, nil))
	require.NotContains(t, text, testSecret)
	require.NotContains(t, text, testToken)
	require.Contains(t, c.String(), testKey)
}
