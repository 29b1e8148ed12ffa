package sls

import (
	"errors"
	"log/slog"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"

	"fluent-bit-sls/shared/option"
)

// ConnectionConfig is how both plugins reach the service and who they are. Its
// options are declared here once.
type ConnectionConfig struct {
	Endpoint        string
	AccessKeyID     string
	AccessKeySecret string `json:"-"`
	SecurityToken   string `json:"-"`
	SignVersion     string // SignV1 or SignV4
	Region          string
	RequestTimeout  time.Duration
}

// Options declares the options, with c's fields as their destinations.
func (c *ConnectionConfig) Options() []option.Option {
	return []option.Option{
		{
			Name: "endpoint", Dst: &c.Endpoint, Required: true,
			Check: checkEndpoint, Allowed: "host[:port] or http(s)://host[:port]",
			Help: "Endpoint of the SLS region; without a scheme https is used",
		},
		{
			Name: "access_key_id", Dst: &c.AccessKeyID, Required: true,
			Check: checkKey, Allowed: "visible ASCII characters",
			Help: "Access key id",
		},
		{
			Name: "access_key_secret", Dst: &c.AccessKeySecret, Required: true, Secret: true,
			Check: checkKey, Allowed: "visible ASCII characters",
			Help: "Access key secret",
		},
		{
			Name: "security_token", Dst: &c.SecurityToken, Secret: true,
			Check: checkKey, Allowed: "visible ASCII characters",
			Help: "Security token of temporary (STS) keys",
		},
		{
			Name: "sign_version", Dst: &c.SignVersion, Default: SignV1, Enum: []string{SignV1, SignV4},
			Help: "Signature version; v4 needs region",
		},
		{
			Name: "region", Dst: &c.Region,
			Check: checkRegion, Allowed: "a region id such as cn-hangzhou",
			Help: "Region id, required with sign_version v4",
		},
		{
			Name: "request_timeout", Dst: &c.RequestTimeout, Default: "30s", Min: "1s", Max: "5m",
			Help: "How long one request may take, from connecting to the last byte of its answer",
		},
	}
}

// Validate checks what spans two options. Join its error with option.Parse's,
// so that all problems are reported at once.
func (c *ConnectionConfig) Validate() error {
	if c.SignVersion == SignV4 && c.Region == "" {
		return errRegionMissing
	}
	return nil
}

// String lists the options with their secrets masked, whatever verb or logger
// prints the struct.
func (c ConnectionConfig) String() string { return option.Effective(c.Options()) }

// GoString is String.
func (c ConnectionConfig) GoString() string { return c.String() }

// LogValue is String.
func (c ConnectionConfig) LogValue() slog.Value { return slog.StringValue(c.String()) }

// ClientConfig is the Config of a client with these options. maxConns is the
// configured concurrency.
func (c *ConnectionConfig) ClientConfig(userAgent string, maxConns int) Config {
	return Config{
		Endpoint:       c.Endpoint,
		Credentials:    sdk.NewStaticCredentialsProvider(c.AccessKeyID, c.AccessKeySecret, c.SecurityToken),
		SignVersion:    c.SignVersion,
		Region:         c.Region,
		UserAgent:      userAgent,
		MaxConns:       maxConns,
		RequestTimeout: c.RequestTimeout,
	}
}

func checkEndpoint(value string) error {
	_, err := splitEndpoint(value)
	return err
}

func checkKey(value string) error {
	if !isVisible(value) {
		return errNotVisible
	}
	return nil
}

var errRegionMissing = errors.New("option region: not set, but required with sign_version v4")

func checkRegion(region string) error {
	for _, c := range []byte(region) {
		if !isNameByte(c) {
			return errors.New("only letters, digits, - and _ are allowed")
		}
	}
	return nil
}
