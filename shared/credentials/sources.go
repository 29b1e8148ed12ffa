package credentials

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// keys are credentials as a source has them.
type keys struct {
	credential
	end time.Time // of their validity; zero = not known, as of those in files
}

// fetched is what a provider gets.
type fetched struct {
	credential
	from string // which source it was: a kind
}

// source is where credentials come from. Calls do not overlap.
type source interface {
	// get returns credentials that are valid for longer than margin or were made just
	// now. With fresh it asks anew. It may do network, within the bounds of fetcher.
	get(fresh bool) (fetched, error)
}

// origin is a source without a memory, and its name.
type origin struct {
	name string
	get  func() (keys, error)
}

// caching keeps what an origin gave until margin before its end.
type caching struct {
	origins []origin // asked in turn
	clean   func(error) error
	have    fetched
	end     time.Time
}

func (c *caching) get(fresh bool) (fetched, error) {
	if !fresh && c.have.from != "" && (c.end.IsZero() || time.Until(c.end) > margin) {
		return c.have, nil
	}
	var problems []string
	for _, o := range c.origins {
		got, err := o.get()
		if err == nil {
			c.have, c.end = fetched{got.credential, o.name}, got.end
			return c.have, nil
		}
		problems = append(problems, o.name+": "+c.clean(err).Error())
	}
	if len(problems) == 1 {
		return fetched{}, &cleanError{problems[0]}
	}
	return fetched{}, &cleanError{fmt.Sprintf("none of the sources has any (%s)", strings.Join(problems, "; "))}
}

// sources get keys as the options say.
type sources struct {
	Config
	fetcher
}

// origins returns the origins of a kind, in the order in which they are asked. It asks
// none.
func (s *sources) origins(kind Kind) []origin {
	switch kind {
	case Static:
		return []origin{{Static, s.static}}
	case Env:
		return []origin{{Env, env}}
	case Profile:
		return []origin{{Profile, s.cli}, {Profile, s.sdkProfile}}
	case ECSRAMRole:
		return []origin{{ECSRAMRole, s.ecsRole}}
	case RRSA:
		return []origin{{RRSA, s.rrsa}}
	case AssumeRole:
		return []origin{{AssumeRole, s.assumeRole}}
	case URI:
		return []origin{{URI, s.ofURI}}
	}
	return s.auto()
}

// auto returns the default chain of Alibaba Cloud's SDKs, in its order.
func (s *sources) auto() []origin {
	list := []origin{{Env, env}}
	if os.Getenv("ALIBABA_CLOUD_OIDC_TOKEN_FILE") != "" {
		list = append(list, origin{RRSA, func() (keys, error) {
			return s.assumeOIDC(role{session: s.RoleSessionName, endpoint: s.STSEndpoint})
		}})
	}
	list = append(list, origin{Profile, s.cli}, origin{Profile, s.sdkProfile}, origin{ECSRAMRole, s.ecsRole})
	if os.Getenv("ALIBABA_CLOUD_CREDENTIALS_URI") != "" {
		list = append(list, origin{URI, s.ofURI})
	}
	return list
}

// static checks keys that were typed somewhere.
func static(c credential) (keys, error) {
	if c.AccessKeyID == "" || c.AccessKeySecret == "" {
		return keys{}, errors.New("no access key id and secret")
	}
	return keys{credential: c}, nil
}

func (s *sources) static() (keys, error) {
	return static(credential{AccessKeyID: s.AccessKeyID, AccessKeySecret: s.AccessKeySecret, SecurityToken: s.SecurityToken})
}

func env() (keys, error) {
	got, err := static(credential{
		AccessKeyID: os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_ID"), AccessKeySecret: os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
		SecurityToken: os.Getenv("ALIBABA_CLOUD_SECURITY_TOKEN"),
	})
	if err != nil {
		return got, errors.New("ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET are not both set")
	}
	return got, nil
}

func (s *sources) ecsRole() (keys, error) { return s.ecs(s.ECSRoleName) }

func (s *sources) ofURI() (keys, error) {
	return s.uri(cmp.Or(s.URI, os.Getenv("ALIBABA_CLOUD_CREDENTIALS_URI")))
}

func (s *sources) role() role {
	return role{
		arn: s.RoleARN, session: s.RoleSessionName, externalID: s.ExternalID, endpoint: s.STSEndpoint,
		provider: s.OIDCProviderARN, tokenFile: s.OIDCTokenFile,
	}
}

func (s *sources) rrsa() (keys, error) { return s.assumeOIDC(s.role()) }

// assumeRole assumes the role with the configured keys, or with what auto finds: the
// instance's own role, or the service account's.
func (s *sources) assumeRole() (keys, error) {
	base := caching{origins: s.auto(), clean: s.clean}
	if s.AccessKeyID != "" {
		base.origins = s.origins(Static)
	}
	from, err := base.get(true)
	if err != nil {
		return keys{}, err
	}
	return s.assume(from.credential, s.role())
}
