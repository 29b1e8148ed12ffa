package credentials

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"

	"fluent-bit-sls/shared/option"
)

// Kind is where credentials come from, in the words of the option.
type Kind = string

// The kinds.
const (
	Static     Kind = "static"       // the keys in the configuration
	Env        Kind = "env"          // ALIBABA_CLOUD_ACCESS_KEY_ID, ..._SECRET, ALIBABA_CLOUD_SECURITY_TOKEN
	Profile    Kind = "profile"      // the files of the aliyun command line and of the Alibaba Cloud SDKs
	ECSRAMRole Kind = "ecs_ram_role" // the metadata service of an ECS instance
	RRSA       Kind = "rrsa"         // an OIDC token of a Kubernetes service account, exchanged at STS
	AssumeRole Kind = "assume_role"  // another role, assumed at STS
	URI        Kind = "uri"          // an HTTP server that hands out keys
	Auto       Kind = "auto"         // Static if keys are configured, else the first of the others that works
)

// Versions of the metadata service.
const (
	imdsV2   = "v2"
	imdsAuto = "auto"
)

// Config is what the options say. Print it as you like: secrets are masked.
type Config struct {
	Kind            Kind
	AccessKeyID     string
	AccessKeySecret string `json:"-"`
	SecurityToken   string `json:"-"`
	RoleARN         string
	RoleSessionName string
	ExternalID      string
	OIDCProviderARN string
	OIDCTokenFile   string
	STSEndpoint     string // host[:port], always https
	ECSRoleName     string
	IMDSVersion     string // imdsV2 or imdsAuto
	ProfileName     string
	URI             string `json:"-"`

	// typed holds the names of those options with a Check that were typed. A refused
	// value is not stored. But the option then does not count as "not set", which could
	// turn a configuration with keys into one without.
	typed map[string]bool
	// metadataProxy leads tests to a metadata service of their own, as the address of the
	// real one is fixed.
	metadataProxy string
}

// Options declares the options, with c's fields as their destinations.
func (c *Config) Options() []option.Option {
	const visible = "visible ASCII characters"
	return option.Grouped("Credentials", append([]option.Option{
		{
			Name: "credentials", Dst: &c.Kind, Default: Auto,
			Enum: []string{Auto, Static, Env, Profile, ECSRAMRole, RRSA, AssumeRole, URI},
			Help: "Where the access keys come from; auto: static when keys are set, else the first that works of env, rrsa, profile, ecs_ram_role, uri",
		},
		{
			Name: "access_key_id", Dst: &c.AccessKeyID, Example: "${SLS_ACCESS_KEY_ID}", Check: c.noting("access_key_id", checkKey), Allowed: visible,
			Help: "Access key id; required with credentials static",
		},
		{
			Name: "access_key_secret", Dst: &c.AccessKeySecret, Example: "${SLS_ACCESS_KEY_SECRET}", Secret: true, Check: c.noting("access_key_secret", checkKey), Allowed: visible,
			Help: "Access key secret; required with credentials static",
		},
		{
			Name: "security_token", Dst: &c.SecurityToken, Secret: true, Check: c.noting("security_token", checkKey), Allowed: visible,
			Help: "Security token of temporary (STS) keys",
		},
	}, c.otherOptions()...))
}

func (c *Config) otherOptions() []option.Option {
	return []option.Option{
		{
			Name: "role_arn", Dst: &c.RoleARN, Check: c.noting("role_arn", checkARN), Allowed: "acs:ram::ACCOUNT:role/NAME",
			Help: "Role to assume, with rrsa (default: ALIBABA_CLOUD_ROLE_ARN) and assume_role",
		},
		{
			Name: "role_session_name", Dst: &c.RoleSessionName,
			Help: "Name of the session in the audit log, with rrsa and assume_role",
		},
		{
			Name: "external_id", Dst: &c.ExternalID,
			Help: "External id the role's trust policy asks for, with assume_role",
		},
		{
			Name: "oidc_provider_arn", Dst: &c.OIDCProviderARN, Check: c.noting("oidc_provider_arn", checkARN), Allowed: "acs:ram::ACCOUNT:oidc-provider/NAME",
			Help: "OIDC provider of the cluster, with rrsa (default: ALIBABA_CLOUD_OIDC_PROVIDER_ARN)",
		},
		{
			Name: "oidc_token_file", Dst: &c.OIDCTokenFile,
			Help: "File with the service account's token, with rrsa (default: ALIBABA_CLOUD_OIDC_TOKEN_FILE)",
		},
		{
			Name: "sts_endpoint", Dst: &c.STSEndpoint, Check: c.noting("sts_endpoint", checkHost), Allowed: "host[:port]",
			Help: "STS endpoint, with rrsa and assume_role (default: that of ALIBABA_CLOUD_STS_REGION, else sts.aliyuncs.com)",
		},
		{
			Name: "ecs_role_name", Dst: &c.ECSRoleName,
			Help: "RAM role of the instance, with ecs_ram_role (default: asked for)",
		},
		{
			Name: "imds_version", Dst: &c.IMDSVersion, Default: imdsV2, Enum: []string{imdsV2, imdsAuto},
			Help: "How the metadata service of the instance is asked. v2: with its session token only; auto: also without, where it gives none",
		},
		{
			Name: "profile_name", Dst: &c.ProfileName,
			Help: "Profile to read, with profile (default: ALIBABA_CLOUD_PROFILE, else the current one)",
		},
		{
			Name: "credentials_uri", Dst: &c.URI, Secret: true, Check: c.noting("credentials_uri", checkURI), Allowed: "an http or https URL",
			Help: "Where to fetch keys, with uri (default: ALIBABA_CLOUD_CREDENTIALS_URI)",
		},
	}
}

// Resolved is the kind, with auto resolved to static when keys are configured.
func (c *Config) Resolved() Kind {
	if c.Kind != "" && c.Kind != Auto {
		return c.Kind
	}
	for _, n := range c.needs()[:3] {
		if n.set {
			return Static
		}
	}
	return Auto
}

// noting remembers that the option was typed, whatever check says to its value.
func (c *Config) noting(name string, check func(string) error) func(string) error {
	return func(value string) error {
		if c.typed == nil {
			c.typed = map[string]bool{}
		}
		c.typed[name] = true
		return check(value)
	}
}

// need is an option a kind uses.
type need struct {
	option   string
	set      bool
	kinds    []Kind // that use it
	required []Kind // that cannot do without
	env      string // variable that may stand for it
}

// needs lists the options beside the kind itself; the three of the keys first.
func (c *Config) needs() []need {
	set := func(name, value string) bool { return value != "" || c.typed[name] }
	keys, sts := []Kind{Static, AssumeRole}, []Kind{RRSA, AssumeRole}
	return []need{
		{"access_key_id", set("access_key_id", c.AccessKeyID), keys, []Kind{Static}, ""},
		{"access_key_secret", set("access_key_secret", c.AccessKeySecret), keys, []Kind{Static}, ""},
		{"security_token", set("security_token", c.SecurityToken), keys, nil, ""},
		{"role_arn", set("role_arn", c.RoleARN), sts, []Kind{AssumeRole}, ""},
		{"role_arn", set("role_arn", c.RoleARN), sts, []Kind{RRSA}, "ALIBABA_CLOUD_ROLE_ARN"},
		{"role_session_name", set("", c.RoleSessionName), sts, nil, ""},
		{"external_id", set("", c.ExternalID), []Kind{AssumeRole}, nil, ""},
		{"oidc_provider_arn", set("oidc_provider_arn", c.OIDCProviderARN), []Kind{RRSA}, []Kind{RRSA}, "ALIBABA_CLOUD_OIDC_PROVIDER_ARN"},
		{"oidc_token_file", set("", c.OIDCTokenFile), []Kind{RRSA}, []Kind{RRSA}, "ALIBABA_CLOUD_OIDC_TOKEN_FILE"},
		{"sts_endpoint", set("", c.STSEndpoint), sts, nil, ""},
		{"ecs_role_name", set("", c.ECSRoleName), []Kind{ECSRAMRole}, nil, ""},
		{"profile_name", set("", c.ProfileName), []Kind{Profile}, nil, ""},
		{"credentials_uri", set("credentials_uri", c.URI), []Kind{URI}, []Kind{URI}, "ALIBABA_CLOUD_CREDENTIALS_URI"},
	}
}

// Validate checks what spans two options: what the kind needs and is not set, and what is
// set and the kind does not use, which is a mistake. All problems come joined, each
// naming its option; join them with those of option.Parse. It does no network.
func (c *Config) Validate() error {
	kind := c.Resolved()
	var problems []error
	needs := c.needs()
	last := ""
	for _, n := range needs {
		if err := n.check(kind); err != nil && n.option != last {
			last = n.option
			problems = append(problems, err)
		}
	}
	if id, secret, token := needs[0], needs[1], needs[2]; kind == AssumeRole && (id.set || secret.set || token.set) {
		problems = append(problems, id.whole(), secret.whole())
	}
	return errors.Join(problems...)
}

func (n need) check(kind Kind) error {
	switch {
	case n.set && !slices.Contains(n.kinds, kind):
		return fmt.Errorf("option %s: set, but not used with credentials %s; only with %s", n.option, kind, strings.Join(n.kinds, ", "))
	case n.set || !slices.Contains(n.required, kind):
		return nil
	case n.env == "":
		return fmt.Errorf("option %s: not set, but required with credentials %s", n.option, kind)
	case os.Getenv(n.env) == "":
		return fmt.Errorf("option %s: not set, nor is %s in the environment, but required with credentials %s", n.option, n.env, kind)
	}
	return nil
}

// whole reports a key that is missing while others are set: a role is assumed with all of
// them or with none.
func (n need) whole() error {
	if n.set {
		return nil
	}
	return fmt.Errorf("option %s: not set, but required with the other keys", n.option)
}

// String lists the options with their secrets masked, whatever verb or logger
// prints the struct.
func (c Config) String() string { return option.Effective(c.Options()) }

// GoString is String.
func (c Config) GoString() string { return c.String() }

// LogValue is String.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

func checkKey(value string) error {
	for i := range len(value) {
		if value[i] <= ' ' || value[i] > '~' {
			return errors.New("contains spaces or control characters")
		}
	}
	return nil
}

func checkARN(value string) error {
	if parts := strings.Split(value, ":"); len(parts) != 5 || parts[0] != "acs" || parts[1] != "ram" || parts[3] == "" || parts[4] == "" {
		return errors.New("not a RAM resource name")
	}
	return nil
}

func checkHost(value string) error {
	u, err := url.Parse("https://" + value)
	if err != nil || u.Host != value || u.Hostname() == "" || u.User != nil {
		return errors.New("not a host name")
	}
	return nil
}

func checkURI(value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return errors.New("not an http or https URL")
	}
	return nil
}
