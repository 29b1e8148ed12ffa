package credentials

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// role is a role to assume.
type role struct {
	arn        string // "" = ALIBABA_CLOUD_ROLE_ARN
	session    string
	externalID string
	policy     string
	seconds    int    // 0 = an hour
	endpoint   string // "" = by region and vpc
	region     string // "" = ALIBABA_CLOUD_STS_REGION
	vpc        bool

	provider  string // of OIDC; "" = ALIBABA_CLOUD_OIDC_PROVIDER_ARN
	tokenFile string // "" = ALIBABA_CLOUD_OIDC_TOKEN_FILE
}

// assume asks STS for the role in the name of base.
func (s *sources) assume(base credential, r role) (keys, error) {
	form, err := r.form()
	if err != nil {
		return keys{}, err
	}
	set(form, "ExternalId", r.externalID)
	query := stsQuery("AssumeRole")
	query.Set("SignatureMethod", "HMAC-SHA1")
	query.Set("SignatureVersion", "1.0")
	query.Set("SignatureNonce", rand.Text())
	query.Set("AccessKeyId", base.AccessKeyID)
	set(query, "SecurityToken", base.SecurityToken)
	query.Set("Signature", signRPC(base.AccessKeySecret, query, form))
	return s.askSTS(r, query, form)
}

// assumeOIDC asks STS for the role with the token of a service account. The kubelet
// replaces that token, so the file is read each time.
func (s *sources) assumeOIDC(r role) (keys, error) {
	form, err := r.form()
	if err != nil {
		return keys{}, err
	}
	provider := cmp.Or(r.provider, os.Getenv("ALIBABA_CLOUD_OIDC_PROVIDER_ARN"))
	file := cmp.Or(r.tokenFile, os.Getenv("ALIBABA_CLOUD_OIDC_TOKEN_FILE"))
	switch {
	case provider == "":
		return keys{}, errors.New("no oidc_provider_arn")
	case file == "":
		return keys{}, errors.New("no oidc_token_file")
	}
	token, err := readSmall(file)
	if err != nil {
		return keys{}, err
	}
	form.Set("OIDCProviderArn", provider)
	form.Set("OIDCToken", string(token))
	return s.askSTS(r, stsQuery("AssumeRoleWithOIDC"), form)
}

// form holds the parameters of both actions.
func (r role) form() (url.Values, error) {
	arn, seconds := cmp.Or(r.arn, os.Getenv("ALIBABA_CLOUD_ROLE_ARN")), cmp.Or(r.seconds, 3600)
	switch {
	case arn == "":
		return nil, errors.New("no role_arn")
	case seconds < 900:
		return nil, fmt.Errorf("a session of %d s: STS has none below 900", seconds)
	}
	form := url.Values{"RoleArn": {arn}, "RoleSessionName": {sessionName(r.session)}, "DurationSeconds": {strconv.Itoa(seconds)}}
	set(form, "Policy", r.policy)
	return form, nil
}

func set(to url.Values, name, value string) {
	if value != "" {
		to.Set(name, value)
	}
}

func stsQuery(action string) url.Values {
	return url.Values{
		"Action": {action}, "Version": {"2015-04-01"}, "Format": {"JSON"},
		"Timestamp": {time.Now().UTC().Format(time.RFC3339)},
	}
}

// signRPC is the signature of Alibaba Cloud's RPC interface over all parameters.
func signRPC(secret string, query, form url.Values) string {
	all := maps.Clone(query)
	maps.Copy(all, form)
	escaped := strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~").Replace(all.Encode())
	mac := hmac.New(sha1.New, []byte(secret+"&"))
	mac.Write([]byte("POST&%2F&" + url.QueryEscape(escaped)))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (s *sources) askSTS(r role, query, form url.Values) (keys, error) {
	at := "https://" + r.host() + "/"
	var got struct{ Credentials *issued }
	err := s.askJSON(question{
		method: http.MethodPost, url: at + "?" + query.Encode(), body: []byte(form.Encode()),
		header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
	}, &got)
	if err != nil {
		return keys{}, err
	}
	return got.Credentials.keys("POST " + at)
}

func (r role) host() string {
	prefix, region := "sts", cmp.Or(r.region, os.Getenv("ALIBABA_CLOUD_STS_REGION"))
	if r.vpc || envIs("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", "true") {
		prefix = "sts-vpc"
	}
	switch {
	case r.endpoint != "":
		return r.endpoint
	case region == "":
		return "sts.aliyuncs.com"
	}
	return prefix + "." + region + ".aliyuncs.com"
}

// sessionName is what the audit log calls this session.
func sessionName(name string) string {
	return cmp.Or(name, os.Getenv("ALIBABA_CLOUD_ROLE_SESSION_NAME"), "fluent-bit-sls")
}
