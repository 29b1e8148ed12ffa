package sls

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Limits on what is read of an answer, in bytes.
const (
	maxJSONAnswer  = 4 << 20
	maxErrorAnswer = 64 << 10
	// maxDrain is how much of a body nobody needs is read, so that the connection
	// can be used again.
	maxDrain = 64 << 10
)

// drain reads what is left of a small body, so that its connection can be used again. A
// larger one costs the connection.
func drain(body io.Reader) {
	_, _ = io.CopyN(io.Discard, body, maxDrain) // whatever happens, the connection is all there is to lose
}

// readLimited reads a body of at most limit bytes.
func readLimited(body io.Reader, limit int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(body, int64(limit)+1))
	if err != nil {
		return b, err
	}
	if len(b) > limit {
		return b[:limit], fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	return b, nil
}

// answer is a 200 on its way in: what of an http.Response the calls read.
type answer struct {
	header http.Header
	body   io.Reader
	length int64 // -1 = not announced
}

// decodeJSON reads the whole answer into out.
func (a answer) decodeJSON(out any) error {
	b, err := readLimited(a.body, maxJSONAnswer)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("%w: not the JSON expected: %s", ErrBadAnswer, shorten(err.Error(), 200))
	}
	return nil
}

// maxListed bounds lists whose items each cost the caller something. No logstore has
// nearly as many shards, checkpoints or consumer groups.
const maxListed = 10_000

// list reads a JSON list of at most maxListed items, null as none: the items of a
// hostile answer would take many times its bytes.
type list[T any] []T

// UnmarshalJSON is called with text that is JSON.
func (l *list[T]) UnmarshalJSON(text []byte) error {
	items := json.NewDecoder(bytes.NewReader(text))
	switch first, err := items.Token(); {
	case err != nil:
		return err
	case first == nil:
		return nil
	case first != json.Delim('['):
		return errors.New("not a list")
	}
	for items.More() {
		if len(*l) == maxListed {
			return fmt.Errorf("a list of more than %d", maxListed)
		}
		var item T
		if err := items.Decode(&item); err != nil {
			return err
		}
		*l = append(*l, item)
	}
	return nil
}

// intoJSON is the reader of a call that wants no more than decodeJSON.
func intoJSON(out any) func(answer) error {
	return func(a answer) error { return a.decodeJSON(out) }
}
