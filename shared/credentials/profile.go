package credentials

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"gopkg.in/ini.v1"
)

// maxFile bounds the files of profiles and tokens.
const maxFile = 1 << 20

// readSmall reads a file that somebody else writes.
func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name) //nolint:gosec // the operator says which
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%s: longer than %d KiB", name, maxFile>>10)
	}
	return b, err
}

// home returns what the variable says, or the path of a file below the home directory.
func home(variable string, path ...string) string {
	return cmp.Or(os.Getenv(variable), filepath.Join(append([]string{os.Getenv("HOME")}, path...)...))
}

// cliProfile is a profile of the aliyun command line
// (https://github.com/aliyun/aliyun-cli).
type cliProfile struct {
	Name              string `json:"name"`
	Mode              string `json:"mode"`
	AccessKeyID       string `json:"access_key_id"`
	AccessKeySecret   string `json:"access_key_secret"`
	SecurityToken     string `json:"sts_token"`
	RoleARN           string `json:"ram_role_arn"`
	SessionName       string `json:"ram_session_name"`
	Seconds           int    `json:"expired_seconds"`
	Region            string `json:"sts_region"`
	VPC               bool   `json:"enable_vpc"`
	SourceProfile     string `json:"source_profile"`
	RoleName          string `json:"ram_role_name"`
	OIDCTokenFile     string `json:"oidc_token_file"`
	OIDCProviderARN   string `json:"oidc_provider_arn"`
	Policy            string `json:"policy"`
	ExternalID        string `json:"external_id"`
	SignInURL         string `json:"cloud_sso_sign_in_url"`
	AccountID         string `json:"cloud_sso_account_id"`
	AccessConfig      string `json:"cloud_sso_access_config"`
	AccessToken       string `json:"access_token"`
	AccessTokenExpire int64  `json:"cloud_sso_access_token_expire"`
}

// cli gets keys from the configuration of the aliyun command line.
func (s *sources) cli() (keys, error) {
	if envIs("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true") {
		return keys{}, errors.New("ALIBABA_CLOUD_CLI_PROFILE_DISABLED is true")
	}
	file := home("ALIBABA_CLOUD_CONFIG_FILE", ".aliyun", "config.json")
	text, err := readSmall(file)
	if err != nil {
		return keys{}, err
	}
	var config struct {
		Current  string       `json:"current"`
		Profiles []cliProfile `json:"profiles"`
	}
	if json.Unmarshal(text, &config) != nil {
		return keys{}, fmt.Errorf("%s: not the JSON expected (the content is not shown)", file)
	}
	got, err := s.cliProfile(config.Profiles, cmp.Or(s.ProfileName, os.Getenv("ALIBABA_CLOUD_PROFILE"), config.Current), 0)
	if err != nil {
		return keys{}, fmt.Errorf("%s: %w", file, err)
	}
	return got, nil
}

// maxSources bounds a chain of profiles that name each other as their source.
const maxSources = 8

func (s *sources) cliProfile(all []cliProfile, name string, depth int) (keys, error) {
	var p *cliProfile
	for i := range all {
		if all[i].Name == name {
			p = &all[i]
			break
		}
	}
	switch {
	case p == nil:
		return keys{}, fmt.Errorf("no profile %q", name)
	case depth > maxSources:
		return keys{}, fmt.Errorf("profile %q: more than %d source profiles behind each other", name, maxSources)
	case p.Mode == "ChainableRamRoleArn":
		base, err := s.cliProfile(all, p.SourceProfile, depth+1)
		if err != nil {
			return keys{}, err
		}
		return s.assume(base.credential, p.role())
	}
	got, err := s.ofMode(p)
	if err != nil {
		return keys{}, fmt.Errorf("profile %q: %w", name, err)
	}
	return got, nil
}

func (s *sources) ofMode(p *cliProfile) (keys, error) {
	switch p.Mode {
	case "AK":
		return static(credential{AccessKeyID: p.AccessKeyID, AccessKeySecret: p.AccessKeySecret})
	case "StsToken":
		return static(credential{AccessKeyID: p.AccessKeyID, AccessKeySecret: p.AccessKeySecret, SecurityToken: p.SecurityToken})
	case "RamRoleArn":
		return s.assume(credential{AccessKeyID: p.AccessKeyID, AccessKeySecret: p.AccessKeySecret}, p.role())
	case "EcsRamRole":
		return s.ecs(p.RoleName)
	case "OIDC":
		return s.assumeOIDC(p.role())
	case "CloudSSO":
		return s.cloudSSO(p)
	}
	return keys{}, fmt.Errorf("mode %q is none of AK, StsToken, RamRoleArn, ChainableRamRoleArn, EcsRamRole, OIDC, CloudSSO", p.Mode)
}

func (p *cliProfile) role() role {
	return role{
		arn: p.RoleARN, session: p.SessionName, externalID: p.ExternalID, policy: p.Policy, seconds: p.Seconds,
		region: p.Region, vpc: p.VPC, provider: p.OIDCProviderARN, tokenFile: p.OIDCTokenFile,
	}
}

// cloudSSO gets the keys of an access configuration, with the token that `aliyun
// configure` has left.
func (s *sources) cloudSSO(p *cliProfile) (keys, error) {
	signIn, err := url.Parse(p.SignInURL)
	switch {
	case err != nil || signIn.Scheme != "https" || signIn.Host == "":
		return keys{}, errors.New("cloud_sso_sign_in_url is no https URL")
	case p.AccessToken == "" || time.Now().Unix() >= p.AccessTokenExpire:
		return keys{}, errors.New("the access token of CloudSSO has expired: log in with the aliyun command line")
	}
	body, err := json.Marshal(map[string]string{"AccountId": p.AccountID, "AccessConfigurationId": p.AccessConfig})
	if err != nil {
		return keys{}, err
	}
	at := (&url.URL{Scheme: signIn.Scheme, Host: signIn.Host, Path: "/cloud-credentials"}).String()
	var got struct{ CloudCredential *issued }
	if err := s.askJSON(question{method: http.MethodPost, url: at, body: body, header: http.Header{
		"Accept": {"application/json"}, "Content-Type": {"application/json"}, "Authorization": {"Bearer " + p.AccessToken},
	}}, &got); err != nil {
		return keys{}, err
	}
	return got.CloudCredential.keys("POST " + at)
}

// sdkProfile gets keys from the file that the Alibaba Cloud SDKs share.
func (s *sources) sdkProfile() (keys, error) {
	file := home("ALIBABA_CLOUD_CREDENTIALS_FILE", ".alibabacloud", "credentials")
	text, err := readSmall(file)
	if err != nil {
		return keys{}, err
	}
	config, err := ini.Load(text)
	if err != nil {
		return keys{}, fmt.Errorf("%s: not an INI file (the content is not shown)", file)
	}
	name := cmp.Or(s.ProfileName, os.Getenv("ALIBABA_CLOUD_PROFILE"), "default")
	section, err := config.GetSection(name)
	if err != nil {
		return keys{}, fmt.Errorf("%s: no profile %q", file, name)
	}
	value := func(key string) string { return section.Key(key).String() }
	base := credential{AccessKeyID: value("access_key_id"), AccessKeySecret: value("access_key_secret")}
	var got keys
	switch value("type") {
	case "access_key":
		got, err = static(base)
	case "ecs_ram_role":
		got, err = s.ecs(value("role_name"))
	case "ram_role_arn":
		got, err = s.assume(base, role{arn: value("role_arn"), session: value("role_session_name"), policy: value("policy")})
	default:
		err = errors.New("its type is none of access_key, ecs_ram_role, ram_role_arn")
	}
	if err != nil {
		return keys{}, fmt.Errorf("%s: profile %q: %w", file, name, err)
	}
	return got, nil
}
