package credentials

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/aliyun/credentials-go/credentials/providers"
)

// fetched is what a source gave.
type fetched struct {
	credential
	from string // which source it was, in credentials-go's words: "env", "cli_profile/static_ak"
}

// source is where credentials come from. Calls do not overlap.
type source interface {
	// get returns credentials that are valid for longer than margin, or were made
	// just now. With fresh it does not answer from what it got before. It may do
	// network, bounded by the time-outs below.
	get(fresh bool) (fetched, error)
}

// Time-outs of one request to STS or a credentials URI, in milliseconds as
// credentials-go wants them: together they bound a request, and with it Close.
// Its requests to the metadata service take 2 s at most.
const (
	connectTimeout = 3000
	readTimeout    = 5000
)

// library is a source behind a provider of credentials-go. Those keep what they
// fetched until margin before its expiry and do not tell when that is; a new one
// fetches at once.
type library struct {
	build   builder
	current providers.CredentialsProvider // the one that last gave something; nil = none
	clean   func(error) error
}

type builder func() (providers.CredentialsProvider, error)

func (l *library) get(fresh bool) (fetched, error) {
	if l.current != nil && !fresh {
		return l.ask(l.current)
	}
	next, err := l.build()
	if err != nil {
		return fetched{}, l.clean(err)
	}
	got, err := l.ask(next)
	if err == nil {
		l.current = next
	}
	return got, err
}

func (l *library) ask(p providers.CredentialsProvider) (fetched, error) {
	c, err := p.GetCredentials()
	switch {
	case err != nil:
		return fetched{}, l.clean(err)
	case c == nil || c.AccessKeyId == "" || c.AccessKeySecret == "":
		return fetched{}, errors.New("no access key in the answer")
	}
	return fetched{
		credential: credential{AccessKeyID: c.AccessKeyId, AccessKeySecret: c.AccessKeySecret, SecurityToken: c.SecurityToken},
		from:       strings.TrimPrefix(c.ProviderName, chainName+"/"),
	}, nil
}

// builder returns what makes the provider of a kind. It does nothing itself.
func (c Config) builder(kind Kind, proxy string) builder {
	http := &providers.HttpOptions{Proxy: proxy, ConnectTimeout: connectTimeout, ReadTimeout: readTimeout}
	switch kind {
	case Env:
		return buildEnv
	case Profile:
		return c.chain(link{"aliyun command line", c.buildCLIProfile}, link{"sdk", c.buildProfile})
	case ECSRAMRole:
		return c.buildECS
	case RRSA:
		return func() (providers.CredentialsProvider, error) { return c.buildRRSA(http) }
	case AssumeRole:
		return func() (providers.CredentialsProvider, error) { return c.buildAssumeRole(http) }
	case URI:
		return func() (providers.CredentialsProvider, error) { return c.buildURI(http) }
	case Static:
		return c.buildStatic
	default:
		return c.auto(http)
	}
}

// auto is the chain of credentials-go's default provider, in its order, made
// anew because that one, once everything failed, asks only the last for ever.
func (c Config) auto(http *providers.HttpOptions) builder {
	links := []link{{Env, buildEnv}}
	if os.Getenv("ALIBABA_CLOUD_OIDC_TOKEN_FILE") != "" {
		links = append(links, link{RRSA, func() (providers.CredentialsProvider, error) {
			return Config{RoleSessionName: c.RoleSessionName, STSEndpoint: c.STSEndpoint}.buildRRSA(http)
		}})
	}
	links = append(links,
		link{Profile, c.buildCLIProfile},
		link{Profile, c.buildProfile},
		link{ECSRAMRole, c.buildECS})
	if os.Getenv("ALIBABA_CLOUD_CREDENTIALS_URI") != "" {
		links = append(links, link{URI, func() (providers.CredentialsProvider, error) { return c.buildURI(http) }})
	}
	return c.chain(links...)
}

func buildEnv() (providers.CredentialsProvider, error) {
	return providers.NewEnvironmentVariableCredentialsProviderBuilder().Build()
}

func (c Config) buildCLIProfile() (providers.CredentialsProvider, error) {
	return providers.NewCLIProfileCredentialsProviderBuilder().WithProfileName(c.ProfileName).Build()
}

func (c Config) buildProfile() (providers.CredentialsProvider, error) {
	return providers.NewProfileCredentialsProviderBuilder().WithProfileName(c.ProfileName).Build()
}

func (c Config) buildECS() (providers.CredentialsProvider, error) {
	b := providers.NewECSRAMRoleCredentialsProviderBuilder().WithRoleName(c.ECSRoleName)
	if c.metadataProxy != "" {
		b.WithHttpOptions(&providers.HttpOptions{Proxy: c.metadataProxy})
	}
	return b.Build()
}

func (c Config) buildRRSA(http *providers.HttpOptions) (providers.CredentialsProvider, error) {
	return providers.NewOIDCCredentialsProviderBuilder().
		WithRoleArn(c.RoleARN).
		WithRoleSessionName(c.sessionName()).
		WithOIDCProviderARN(c.OIDCProviderARN).
		WithOIDCTokenFilePath(c.OIDCTokenFile).
		WithSTSEndpoint(c.STSEndpoint).
		WithHttpOptions(http).
		Build()
}

// buildAssumeRole assumes the role with the configured keys, else with what auto
// finds: the instance's own role, or the service account's.
func (c Config) buildAssumeRole(http *providers.HttpOptions) (providers.CredentialsProvider, error) {
	base := c.auto(http)
	if c.AccessKeyID != "" {
		base = c.buildStatic
	}
	from, err := base()
	if err != nil {
		return nil, err
	}
	return providers.NewRAMRoleARNCredentialsProviderBuilder().
		WithCredentialsProvider(from).
		WithRoleArn(c.RoleARN).
		WithRoleSessionName(c.sessionName()).
		WithExternalId(c.ExternalID).
		WithStsEndpoint(c.STSEndpoint).
		WithHttpOptions(http).
		Build()
}

func (c Config) buildStatic() (providers.CredentialsProvider, error) {
	if c.SecurityToken == "" {
		return providers.NewStaticAKCredentialsProviderBuilder().
			WithAccessKeyId(c.AccessKeyID).WithAccessKeySecret(c.AccessKeySecret).Build()
	}
	return providers.NewStaticSTSCredentialsProviderBuilder().
		WithAccessKeyId(c.AccessKeyID).WithAccessKeySecret(c.AccessKeySecret).WithSecurityToken(c.SecurityToken).Build()
}

func (c Config) buildURI(http *providers.HttpOptions) (providers.CredentialsProvider, error) {
	return providers.NewURLCredentialsProviderBuilder().WithUrl(c.URI).WithHttpOptions(http).Build()
}

// sessionName tells in the audit log who it was.
func (c Config) sessionName() string {
	for _, name := range []string{c.RoleSessionName, os.Getenv("ALIBABA_CLOUD_ROLE_SESSION_NAME")} {
		if name != "" {
			return name
		}
	}
	return "fluent-bit-sls"
}

// chain asks its links in turn and then stays with the first that gave
// something.
type chain struct {
	links []link
	clean func(error) error
	found providers.CredentialsProvider // nil = none yet
}

type link struct {
	name  string
	build builder
}

const chainName = "chain"

func (c Config) chain(links ...link) builder {
	return func() (providers.CredentialsProvider, error) { return &chain{links: links, clean: c.clean}, nil }
}

// GetProviderName is part of credentials-go's interface.
func (c *chain) GetProviderName() string { return chainName }

// GetCredentials is part of credentials-go's interface.
func (c *chain) GetCredentials() (*providers.Credentials, error) {
	if c.found != nil {
		return c.found.GetCredentials()
	}
	var problems []string
	for _, l := range c.links {
		p, err := l.build()
		if err == nil {
			var got *providers.Credentials
			if got, err = p.GetCredentials(); err == nil {
				c.found = p
				return got, nil
			}
		}
		problems = append(problems, l.name+": "+c.clean(err).Error())
	}
	return nil, &cleanError{fmt.Sprintf("none of the sources has any (%s)", strings.Join(problems, "; "))}
}
