package sls

import (
	"context"
	"errors"
	"fmt"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
)

// credential is what one request is signed with.
type credential = sdk.Credentials

var (
	errNoCredentials = errors.New("no access key")
	errNotVisible    = errors.New("contains spaces or control characters")
	errSlowProvider  = fmt.Errorf("credential provider: %w", ErrTimeout)
)

// Refresher is a CredentialsProvider whose credentials change. It bounds its own
// work, and is safe for concurrent use.
type Refresher interface {
	// Credentials returns credentials to sign with. It ends with ctx.
	Credentials(ctx context.Context) (sdk.Credentials, error)
	// Refused is called when the server refused used. It returns others to try once
	// with; false when there are none.
	Refused(ctx context.Context, used sdk.Credentials) (sdk.Credentials, bool)
	// Accepted is called when the server accepted what Refused gave.
	Accepted()
	// Mend names the options to look at when they are refused, comma-separated.
	Mend() string
}

// credentialsNow asks the provider.
func (c *Client) credentialsNow(ctx context.Context) (credential, error) {
	if c.refresher == nil {
		return checkCredential(c.credentials.GetCredentials())
	}
	ctx, cancel := c.credentialsTimeout(ctx)
	defer cancel()
	return checkCredential(c.refresher.Credentials(ctx))
}

// checkCredential refuses what cannot be sent. net/http would refuse it in a
// header, too, as an error of no class; a stray line end from a secret file is
// the usual way to get there.
func checkCredential(cred credential, err error) (credential, error) {
	switch {
	case err != nil:
		return credential{}, err
	case cred.AccessKeyID == "" || cred.AccessKeySecret == "":
		return credential{}, errNoCredentials
	case !isVisible(cred.AccessKeyID):
		return credential{}, fmt.Errorf("access_key_id: %w", errNotVisible)
	case !isVisible(cred.AccessKeySecret):
		return credential{}, fmt.Errorf("access_key_secret: %w", errNotVisible)
	case !isVisible(cred.SecurityToken):
		return credential{}, fmt.Errorf("security_token: %w", errNotVisible)
	}
	return cred, nil
}

// isVisible reports whether s has nothing but visible ASCII.
func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// credentialsTimeout bounds a wait for the Refresher by request_timeout.
func (c *Client) credentialsTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, c.timeout, errSlowProvider)
}

// otherCredentials asks, after a refusal, for credentials other than those used.
func (c *Client) otherCredentials(ctx context.Context, used credential) (credential, bool) {
	if c.refresher == nil {
		return credential{}, false
	}
	ctx, cancel := c.credentialsTimeout(ctx)
	defer cancel()
	cred, ok := c.refresher.Refused(ctx, used)
	if !ok {
		return credential{}, false
	}
	cred, err := checkCredential(cred, nil)
	return cred, err == nil
}

// credentialsError makes the error of a call for which there were no credentials. Nothing
// was sent. The class is that of credentials, so that the user looks there, even if the
// provider is only slow. When the caller's own context has ended, it says nothing about
// credentials.
func (c *Client) credentialsError(ctx context.Context, r *request, err error) *Error {
	if ctxErr := ctx.Err(); ctxErr != nil {
		return &Error{Op: r.opText(), Class: ClassRetry, Err: ctxErr}
	}
	return &Error{
		Op: r.opText(), Class: ClassCredentials, Mend: c.mendCredentials(mendAllKeys),
		Err: fmt.Errorf("credentials: %w", err),
	}
}

// mendCredentials are the options to look at: those of the provider, which knows where
// its keys come from, else those of keys in the configuration.
func (c *Client) mendCredentials(keys string) string {
	if c.refresher != nil {
		return c.refresher.Mend()
	}
	return keys
}
