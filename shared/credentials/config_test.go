package credentials

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
)

// parse reads a configuration as the plugins do.
func parse(props option.Map) (Config, error) {
	var c Config
	err := errors.Join(option.Parse(props, c.Options()), c.Validate())
	return c, err
}

func TestKinds(t *testing.T) {
	for _, tc := range []struct {
		props option.Map
		want  Kind
	}{
		{option.Map{"access_key_id": "id", "access_key_secret": oldSecret}, Static},
		{option.Map{"access_key_id": "id", "access_key_secret": oldSecret, "security_token": oldToken}, Static},
		{option.Map{"credentials": "STATIC", "access_key_id": "id", "access_key_secret": oldSecret}, Static},
		{option.Map{}, Auto},
		{option.Map{"credentials": "env"}, Env},
		{option.Map{"credentials": "profile", "profile_name": "p"}, Profile},
		{option.Map{"credentials": "ecs_ram_role"}, ECSRAMRole},
		{option.Map{"credentials": "ecs_ram_role", "ecs_role_name": "r"}, ECSRAMRole},
		{option.Map{"credentials": "rrsa", "role_arn": roleARN, "oidc_provider_arn": oidcARN, "oidc_token_file": "/f"}, RRSA},
		{option.Map{"credentials": "assume_role", "role_arn": roleARN, "external_id": "x", "sts_endpoint": "sts-vpc.cn-hangzhou.aliyuncs.com"}, AssumeRole},
		{option.Map{"credentials": "assume_role", "role_arn": roleARN, "access_key_id": "id", "access_key_secret": oldSecret}, AssumeRole},
		{option.Map{"credentials": "uri", "credentials_uri": "http://127.0.0.1:8080/keys"}, URI},
	} {
		c, err := parse(tc.props)
		require.NoError(t, err, "%v", tc.props)
		require.Equal(t, tc.want, c.Resolved(), "%v", tc.props)
	}
}

// Each kind says at once all that is missing or out of place, one line an
// option, and shows no secret.
func TestMissingOptions(t *testing.T) {
	for _, tc := range []struct {
		props option.Map
		want  []string
	}{
		{option.Map{"access_key_id": "id"}, []string{"access_key_secret"}},
		{option.Map{"access_key_secret": oldSecret}, []string{"access_key_id"}},
		{option.Map{"security_token": oldToken}, []string{"access_key_id", "access_key_secret"}},
		{option.Map{"access_key_secret": oldSecret + " x"}, []string{"access_key_secret", "access_key_id"}},
		{option.Map{"credentials": "static"}, []string{"access_key_id", "access_key_secret"}},
		{option.Map{"credentials": "magic"}, []string{"credentials"}},
		{option.Map{"credentials": "rrsa"}, []string{"role_arn", "oidc_provider_arn", "oidc_token_file"}},
		{
			option.Map{"credentials": "rrsa", "role_arn": "admin", "oidc_provider_arn": "acs:ram::1:", "oidc_token_file": "/f", "sts_endpoint": "https://x"},
			[]string{"role_arn", "oidc_provider_arn", "sts_endpoint"},
		},
		{option.Map{"credentials": "assume_role"}, []string{"role_arn"}},
		{option.Map{"credentials": "assume_role", "role_arn": roleARN, "security_token": oldToken}, []string{"access_key_id", "access_key_secret"}},
		{option.Map{"credentials": "uri"}, []string{"credentials_uri"}},
		{option.Map{"credentials": "uri", "credentials_uri": "ftp://" + oldSecret}, []string{"credentials_uri"}},
		{
			option.Map{"credentials": "env", "access_key_id": "id", "access_key_secret": oldSecret, "role_arn": roleARN, "profile_name": "p"},
			[]string{"access_key_id", "access_key_secret", "role_arn", "profile_name"},
		},
		{option.Map{"credentials": "ecs_ram_role", "external_id": "x"}, []string{"external_id"}},
		{option.Map{"role_arn": roleARN}, []string{"role_arn"}},
	} {
		_, err := parse(tc.props)
		problems := option.Problems(err)
		require.Len(t, problems, len(tc.want), "%v: %v", tc.props, problems)
		for i, name := range tc.want {
			require.Contains(t, problems[i], "option "+name, "%v", tc.props)
			requireSilent(t, problems[i])
			for _, other := range tc.want {
				require.Equal(t, other == name, strings.Contains(problems[i], other), "%s names %s", problems[i], other)
			}
		}
	}
	t.Setenv("ALIBABA_CLOUD_ROLE_ARN", roleARN)
	_, err := parse(option.Map{"credentials": "assume_role"})
	require.ErrorContains(t, err, "role_arn", "the role to assume is not the one the pod has")
}

func TestDeclarations(t *testing.T) {
	var c Config
	require.Empty(t, option.Verify(c.Options(), option.Output))
	require.Empty(t, option.Verify(c.Options(), option.Input))
}

// However the struct is printed, the secrets are not.
func TestConfigMasksSecrets(t *testing.T) {
	c := Config{AccessKeyID: "id", AccessKeySecret: oldSecret, SecurityToken: oldToken, URI: "http://h/" + newSecret}
	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "config", c, "pointer", &c)
	asJSON, err := json.Marshal(c)
	require.NoError(t, err)
	text := strings.TrimSpace(logged.String()) + string(asJSON) + fmt.Sprintf("%v %+v %#v %s %v", c, c, c, c, &c)
	requireSilent(t, text)
	require.Contains(t, c.String(), "access_key_id=id")
}
