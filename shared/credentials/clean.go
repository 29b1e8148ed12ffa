package credentials

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
)

// cleanError is an error whose text has been freed of what must not be shown.
type cleanError struct{ text string }

func (e *cleanError) Error() string { return e.text }

// clean makes an error fit to be shown. This package's own errors quote nothing from
// outside, but those of libraries do.
func (c Config) clean(err error) error {
	var done *cleanError
	if errors.As(err, &done) {
		return done
	}
	text := err.Error()
	if c.URI != "" {
		text = strings.ReplaceAll(text, c.URI, bareURL(c.URI))
	}
	text = quotedURL.ReplaceAllStringFunc(text, bareURL)
	for _, secret := range []string{c.AccessKeySecret, c.SecurityToken} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	const most = 400
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return &cleanError{strings.Join(strings.Fields(text), " ")}
}

var quotedURL = regexp.MustCompile(`https?://[^\s"]+`)

// bareURL is a URL without user, query and fragment.
func bareURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "(URL not shown)"
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}

// isWord tells whether s looks like an error code or a request id: letters, digits, dots
// and dashes.
func isWord(s string) bool {
	return s != "" && len(s) <= 80 && strings.Trim(s, ".-_") != "" && word.MatchString(s)
}

var word = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
