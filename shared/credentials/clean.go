package credentials

import (
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"strings"
)

// cleanError is an error whose text has been freed of what must not be shown.
type cleanError struct{ text string }

func (e *cleanError) Error() string { return e.text }

// clean makes an error of credentials-go fit to be shown. Its texts quote whole
// answers and files, and URLs with signatures in their query: a server that sends
// half of a right answer would have the other half logged.
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
	text = withoutQuotedContent(text)
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

// withoutQuotedContent cuts what credentials-go v1.4.7 appends from outside: the
// body after "failed: " and "message = ", a file's text after "failed: ", the
// line of an ini file after "open file". Of an answer of STS code and request id
// are kept, of which the text alone may repeat what was signed, token included.
func withoutQuotedContent(text string) string {
	for _, mark := range []string{"failed: ", "message = ", "open file"} {
		i := strings.Index(text, mark)
		if i < 0 {
			continue
		}
		head, content := text[:i+len(mark)], text[i+len(mark):]
		if own := ownWords[mark]; own != nil && own.MatchString(content) {
			continue
		}
		var answer struct{ Code, RequestID string }
		if json.Unmarshal([]byte(content), &answer) == nil && isWord(answer.Code) && isWord(answer.RequestID) {
			return head + strings.TrimSpace(answer.Code+" (request id "+answer.RequestID+")")
		}
		return head + "(the content is not shown)"
	}
	return text
}

// ownWords: the text goes on with an error of net/http, or of the operating
// system on opening a file. Those quote no content.
var ownWords = map[string]*regexp.Regexp{
	"failed: ":  regexp.MustCompile(`^(Get|Put) "http`),
	"open file": regexp.MustCompile(`^open /`),
}

// isWord: letters, digits, dots and dashes, as error codes and request ids are.
func isWord(s string) bool {
	return s != "" && len(s) <= 80 && strings.Trim(s, ".-_") != "" && word.MatchString(s)
}

var word = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
