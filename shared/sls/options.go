package sls

import (
	"errors"
	"log/slog"
	"strings"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"

	"fluent-bit-sls/shared/credentials"
	"fluent-bit-sls/shared/option"
)

// ConnectionConfig is how both plugins reach the service and who they are. Its
// options are declared here once.
type ConnectionConfig struct {
	Endpoints      []string // in the order of preference
	Credentials    credentials.Config
	SignVersion    string // SignAuto, SignV1 or SignV4
	Region         string
	CAFile         string
	Proxy          string `json:"-"` // URL, none, environment or ""
	RequestTimeout time.Duration
}

// Options declares the options, with c's fields as their destinations.
func (c *ConnectionConfig) Options() []option.Option {
	opts := []option.Option{
		{
			Name: "endpoint", Dst: &c.Endpoints, Example: "cn-hangzhou.log.aliyuncs.com", Required: true,
			Check: checkEndpoints, Allowed: "host[:port] or http(s)://host[:port], several comma-separated",
			Help: "Endpoint of the SLS region; without a scheme https is used. Of several the first that works is used: internal, public, accelerated",
		},
	}
	opts = append(opts, c.Credentials.Options()...)
	return option.Grouped("Connection", append(opts, c.wireOptions()...))
}

func (c *ConnectionConfig) wireOptions() []option.Option {
	return []option.Option{
		{
			Name: "sign_version", Dst: &c.SignVersion, Default: SignAuto, Enum: []string{SignAuto, SignV1, SignV4},
			Help: "Signature version. auto: v4 where `region` or the name of the endpoint tells the region, else v1",
		},
		{
			Name: "region", Dst: &c.Region,
			Check: checkRegion, Allowed: "a region id such as cn-hangzhou",
			Help: "Region id that v4 signs for, if it is not that in the name of the endpoint",
		},
		{
			Name: "ca_file", Dst: &c.CAFile,
			Check: checkCAFile, Allowed: "a readable file with PEM certificates",
			Help: "Certificate authorities to trust for the endpoint beside the system's",
		},
		{
			Name: "proxy", Dst: &c.Proxy, Example: "http://proxy.internal:3128", Secret: true,
			Check: checkProxy, Allowed: "http(s)://[user:password@]host[:port], none or environment",
			Help: "Proxy for SLS and STS; not set or environment: as HTTPS_PROXY, HTTP_PROXY and NO_PROXY say",
		},
		{
			Name: "request_timeout", Dst: &c.RequestTimeout, Example: "10s", Default: "30s", Min: "1s", Max: "5m",
			Help: "How long one request may take, from connecting to the last byte of its answer",
		},
	}
}

// Validate checks what spans two options. Join its error with option.Parse's,
// so that all problems are reported at once.
func (c *ConnectionConfig) Validate() error {
	problems := []error{c.Credentials.Validate()}
	if c.SignVersion == SignV4 && c.Region == "" {
		list, _ := parseEndpoints(strings.Join(c.Endpoints, ",")) // its errors are option.Parse's
		problems = append(problems, needRegion(list))
	}
	return errors.Join(problems...)
}

// String lists the options with their secrets masked, whatever verb or logger
// prints the struct.
func (c ConnectionConfig) String() string { return option.Effective(c.Options()) }

// GoString is String.
func (c ConnectionConfig) GoString() string { return c.String() }

// LogValue is String.
func (c ConnectionConfig) LogValue() slog.Value { return slog.StringValue(c.String()) }

// ClientConfig is the Config of a client with these options. maxConns is
// Config.MaxConns; log may be nil. It does no network.
func (c *ConnectionConfig) ClientConfig(userAgent string, maxConns int, log *slog.Logger) Config {
	return Config{
		Endpoint:       strings.Join(c.Endpoints, ","),
		Credentials:    c.provider(log),
		SignVersion:    c.SignVersion,
		Region:         c.Region,
		UserAgent:      userAgent,
		MaxConns:       maxConns,
		RequestTimeout: c.RequestTimeout,
		CAFile:         c.CAFile,
		Proxy:          newProxy(c.Proxy),
		Logger:         log,
	}
}

// checkEndpoints is parseEndpoints without the value in its errors.
func checkEndpoints(value string) error {
	var list []endpoint
	for item := range strings.SplitSeq(value, ",") {
		ep, err := splitEndpoint(item)
		if err != nil {
			return err
		}
		list = append(list, ep)
	}
	return checkList(list)
}

// provider makes the credential provider; it fetches nothing before its first use.
func (c *ConnectionConfig) provider(log *slog.Logger) sdk.CredentialsProvider {
	if k := &c.Credentials; k.Resolved() == credentials.Static {
		return sdk.NewStaticCredentialsProvider(k.AccessKeyID, k.AccessKeySecret, k.SecurityToken)
	}
	proxy := ""
	if u, _, err := splitProxy(c.Proxy); err == nil && u != nil {
		proxy = u.String()
	}
	return credentials.New(c.Credentials, proxy, log)
}

// Warnings says what is allowed but unwise, one line each, for the log at start.
func (c *ConnectionConfig) Warnings() []string {
	var found []string
	for _, raw := range c.Endpoints {
		if ep, err := splitEndpoint(raw); err == nil && ep.scheme == "http" && !ep.loopback() {
			found = append(found, "option endpoint: "+ep.url()+" is plain http: logs and security tokens can be read and changed on the way; use https")
		}
	}
	return found
}
