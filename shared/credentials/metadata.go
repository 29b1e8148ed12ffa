package credentials

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	metadataRoles = "http://" + metadataHost + "/latest/meta-data/ram/security-credentials/"
	metadataToken = "http://" + metadataHost + "/latest/api/token"
	// metadataTimeout is short: the service is on this machine's own link, or nowhere.
	metadataTimeout = 2 * time.Second
)

// ecs gets the keys of the instance's role from the metadata service. For the name "" it
// asks for the role's name first.
func (s *sources) ecs(name string) (keys, error) {
	if envIs("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true") {
		return keys{}, fmt.Errorf("ALIBABA_CLOUD_ECS_METADATA_DISABLED is true")
	}
	header, err := s.metadataSession()
	if err != nil {
		return keys{}, err
	}
	if name == "" {
		name = os.Getenv("ALIBABA_CLOUD_ECS_METADATA")
	}
	q := question{method: http.MethodGet, url: metadataRoles, header: header, within: metadataTimeout}
	if name == "" {
		answer, err := s.ask(q)
		if err != nil {
			return keys{}, fmt.Errorf("find the role's name: %w", err)
		}
		name = strings.TrimSpace(string(answer))
	}
	q.url += url.PathEscape(name)
	var got issued
	if err := s.askJSON(q, &got); err != nil {
		return keys{}, err
	}
	if got.Code != "Success" {
		return keys{}, fmt.Errorf("GET %s: the answer's Code is not Success", q.url)
	}
	return got.keys("GET " + q.url)
}

// metadataSession is the header that the metadata service wants (IMDSv2). An attacker who
// makes this host fetch a URL cannot add headers, so he gets no keys.
func (s *sources) metadataSession() (http.Header, error) {
	token, err := s.ask(question{
		method: http.MethodPut, url: metadataToken, within: metadataTimeout,
		header: http.Header{"X-Aliyun-Ecs-Metadata-Token-Ttl-Seconds": {"60"}},
	})
	switch {
	case err == nil:
		return http.Header{"X-Aliyun-Ecs-Metadata-Token": {strings.TrimSpace(string(token))}}, nil
	case s.IMDSVersion == imdsAuto && !envIs("ALIBABA_CLOUD_IMDSV1_DISABLED", "true"):
		return nil, nil //nolint:nilnil // no header
	}
	return nil, fmt.Errorf("no session token of the metadata service (%w); where it gives none, imds_version auto does without", err)
}

func envIs(name, value string) bool { return strings.EqualFold(os.Getenv(name), value) }
