package credentials

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// metadataHost is the fixed address of the metadata service.
const metadataHost = "100.100.100.200"

// Bounds of a request for keys. Together the first two bound it in time, and with it
// Close; keys and tokens have a few kilobytes.
const (
	connectTimeout = 3 * time.Second
	answerTimeout  = 5 * time.Second
	maxAnswer      = 64 << 10
)

// fetcher asks servers for keys. It trusts none of them. It reads an answer up to
// maxAnswer as it was sent, and never decompresses it. It follows no redirects, because a
// question's secrets are meant for one host.
type fetcher struct{ client *http.Client }

// newFetcher returns a fetcher that uses the proxy at that URL, for "" the environment's.
// The metadata service is always asked without a proxy: a proxy would get the role of its
// own host.
func (c Config) newFetcher(proxy string) fetcher {
	choose := http.ProxyFromEnvironment
	if u, err := url.Parse(proxy); err == nil && proxy != "" {
		choose = http.ProxyURL(u)
	}
	metadata := http.ProxyURL(nil)
	if u, err := url.Parse(c.metadataProxy); err == nil && c.metadataProxy != "" {
		metadata = http.ProxyURL(u)
	}
	return fetcher{&http.Client{
		Timeout:       connectTimeout + answerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: func(r *http.Request) (*url.URL, error) {
				if r.URL.Hostname() == metadataHost {
					return metadata(r)
				}
				return choose(r)
			},
			DialContext:            (&net.Dialer{Timeout: connectTimeout}).DialContext,
			TLSHandshakeTimeout:    connectTimeout,
			MaxResponseHeaderBytes: maxAnswer,
			DisableCompression:     true,
			DisableKeepAlives:      true, // a fetch comes every half hour
		},
	}}
}

// question is one request. The secrets in its query, header and body are in no error.
type question struct {
	method string
	url    string
	header http.Header
	body   []byte
	within time.Duration // 0 = connectTimeout + answerTimeout
}

func (f fetcher) ask(q question) ([]byte, error) {
	ctx := context.Background()
	if q.within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, q.within)
		defer cancel()
	}
	at := q.method + " " + bareURL(q.url)
	r, err := http.NewRequestWithContext(ctx, q.method, q.url, bytes.NewReader(q.body))
	if err != nil {
		return nil, fmt.Errorf("%s: not a URL to ask", at)
	}
	if q.header != nil {
		r.Header = q.header
	}
	resp, err := f.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, connectionError(err))
	}
	defer resp.Body.Close() //nolint:errcheck // it was read as far as it is wanted
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", at, connectionError(err))
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("%s: the answer is longer than %d KiB", at, maxAnswer>>10)
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return nil, fmt.Errorf("%s: HTTP %d: redirects are not followed", at, resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s: HTTP %d%s", at, resp.StatusCode, reason(body))
	}
	return body, nil
}

// connectionError returns what may be shown of an error of net/http: what is wrong with
// the connection. An error about the answer would quote the answer.
func connectionError(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err // without the URL
	}
	var network net.Error
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &network), errors.As(err, &cert), errors.As(err, &record),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return err
	}
	return errors.New("no answer that can be read (it is not shown)")
}

// reason returns what may be shown of a refusal: an error code and a request id, if they
// look like that. The rest may repeat what was signed, or half of a right answer.
func reason(body []byte) string {
	var answer struct{ Code, RequestID string }
	if json.Unmarshal(body, &answer) == nil && isWord(answer.Code) && isWord(answer.RequestID) {
		return " " + answer.Code + " (request id " + answer.RequestID + ")"
	}
	return ""
}

// issued are keys as all servers write them.
type issued struct {
	Code            string
	AccessKeyID     string `json:"AccessKeyId"`
	AccessKeySecret string
	SecurityToken   string
	Expiration      time.Time
}

// keys checks what a server at that address issued.
func (i *issued) keys(at string) (keys, error) {
	switch {
	case i == nil || i.AccessKeyID == "" || i.AccessKeySecret == "" || i.SecurityToken == "":
		return keys{}, fmt.Errorf("%s: no AccessKeyId, AccessKeySecret and SecurityToken in the answer", at)
	case i.Expiration.IsZero():
		return keys{}, fmt.Errorf("%s: no Expiration in the answer", at)
	}
	return keys{
		credential: credential{AccessKeyID: i.AccessKeyID, AccessKeySecret: i.AccessKeySecret, SecurityToken: i.SecurityToken},
		end:        i.Expiration,
	}, nil
}

// askJSON reads the answer into out. Errors of encoding/json quote the answer, so they
// are not shown.
func (f fetcher) askJSON(q question, out any) error {
	body, err := f.ask(q)
	if err != nil {
		return err
	}
	if json.Unmarshal(body, out) != nil {
		return fmt.Errorf("%s %s: the answer is not the JSON expected (the content is not shown)", q.method, bareURL(q.url))
	}
	return nil
}

// uri gets keys from the user's own server.
func (f fetcher) uri(address string) (keys, error) {
	var got issued
	if err := f.askJSON(question{method: http.MethodGet, url: address}, &got); err != nil {
		return keys{}, err
	}
	return got.keys("GET " + bareURL(address))
}
