package slsfake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"regexp"
	"strings"
)

// jsonAnswer answers v; never compressed, whatever the client accepts.
func jsonAnswer(v any) (answer, *apiError) {
	body, err := json.Marshal(v)
	if err != nil {
		return answer{}, fail("InternalServerError", "%v", err).withStatus(http.StatusInternalServerError)
	}
	a := answer{status: http.StatusOK, body: body}
	a.set("Content-Type", "application/json")
	return a, nil
}

// emptyAnswer is 200 with Content-Length 0. The SDK does not close the bodies
// of such answers: anything in them would leak its connections.
func emptyAnswer() (answer, *apiError) { return answer{status: http.StatusOK}, nil }

// jsonBody reads the request's body into v. Unknown fields are ignored.
func jsonBody(r *request, v any) *apiError {
	if ct := r.http.Header.Get("Content-Type"); ct != "application/json" {
		return fail(codeInvalidContentType, "content-type %q is not application/json", ct)
	}
	if err := decodeJSON(r.body, v); err != nil {
		return fail(codeJSONInfoInvalid, "body is not the JSON expected: %v", err)
	}
	return nil
}

// decodeJSON reads exactly one value, which is not null.
func decodeJSON(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the value")
	}
	if string(bytes.TrimSpace(b)) == "null" {
		return errors.New("it is null")
	}
	return exactNames(b, v)
}

// exactNames refuses names that differ from v's in nothing but case.
// encoding/json takes them for v's; nothing says that the service does, and a
// client that spells them so must not pass here.
func exactNames(b []byte, v any) error {
	t := reflect.TypeOf(v).Elem()
	if t.Kind() != reflect.Struct {
		return nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(b, &object); err != nil {
		return err
	}
	for name := range object {
		for i := range t.NumField() {
			want, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			if name != want && strings.EqualFold(name, want) {
				return fmt.Errorf("name %q is spelt %q", want, name)
			}
		}
	}
	return nil
}

// nameRule is what names of logstores and consumer groups look like.
var nameRule = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,61}[a-z0-9]$`)
