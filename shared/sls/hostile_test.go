package sls

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// endless writes a body that never ends.
func endless(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		chunk := []byte(strings.Repeat("[1,", 10_000))
		for {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
}

func TestEndlessBodies(t *testing.T) {
	l := newClient(t, newRecorder(t, endless(200)).URL, nil).Logstore("p", "l")
	_, err := l.ListShards(t.Context())
	require.ErrorIs(t, err, ErrTooLarge)
	require.NoError(t, l.PutLogs(t.Context(), oneByte, ""), "200 is the acceptance")
	l = newClient(t, newRecorder(t, endless(503)).URL, nil).Logstore("p", "l")
	e := requireError(t, l.PutLogs(t.Context(), oneByte, ""))
	require.Equal(t, 503, e.Status)
	require.Less(t, len(e.Message), maxMessage)
}

// A body that comes a byte at a time does not outlast the request's time-out.
func TestDrippingBody(t *testing.T) {
	c := pipeClient(t, func(conn net.Conn) {
		readRequest(conn)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n[")
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := io.WriteString(conn, " "); err != nil {
				return
			}
		}
	}, func(cfg *Config) { cfg.RequestTimeout = 60 * time.Millisecond })
	_, err := c.Logstore("p", "l").ListShards(t.Context())
	require.ErrorIs(t, err, ErrTimeout)
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := newRecorder(t, ok)
	for _, status := range []int{301, 302, 303, 307, 308} {
		rec := newRecorder(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, status)
		})
		l := newClient(t, rec.URL, nil).Logstore("p", "l")
		for _, err := range []error{l.PutLogs(t.Context(), oneByte, ""), func() error { _, err := l.ListShards(t.Context()); return err }()} {
			e := requireError(t, err)
			require.Equal(t, status, e.Status)
			require.Equal(t, ClassConfiguration, e.Class)
			require.Equal(t, "endpoint", e.Mend)
			require.ErrorContains(t, err, "redirects are not followed")
		}
		require.Len(t, rec.requests(), 2)
	}
	require.Empty(t, elsewhere.requests())
}

func TestHugeHeaders(t *testing.T) {
	rec := newRecorder(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Filler", strings.Repeat("x", 10<<20))
	})
	e := requireError(t, put(t, newClient(t, rec.URL, nil)))
	require.Equal(t, ClassRetry, e.Class)
	require.True(t, e.Ambiguous)
	require.Less(t, len(e.Error()), 1000)
}

func TestBadJSONAnswers(t *testing.T) {
	for _, body := range []string{
		"", "{", "<html>", "null,", `"x"`, `[{"shardID":"x"}]`, `[{}]`, `[{"shardID":-1}]`, `[{"shardID":99999999999999999999}]`,
		strings.Repeat("[", 100_000),
	} {
		l := newClient(t, newRecorder(t, answerWith(200, body)).URL, nil).Logstore("p", "l")
		_, err := l.ListShards(t.Context())
		require.ErrorIs(t, err, ErrBadAnswer, body)
		require.Equal(t, ClassRetry, ClassOf(err))
	}
	for _, body := range []string{`{}`, `{"cursor":""}`, `{"cursor":"a b"}`, `{"cursor":"` + strings.Repeat("a", 600) + `"}`, `[]`} {
		l := newClient(t, newRecorder(t, answerWith(200, body)).URL, nil).Logstore("p", "l")
		_, err := l.GetCursor(t.Context(), 0, "end")
		require.ErrorIs(t, err, ErrBadAnswer, body)
		_, err = l.GetCursorTime(t.Context(), 0, "MTI=")
		require.ErrorIs(t, err, ErrBadAnswer, body)
	}
	for _, body := range []string{`[-1]`, `["1"]`, `{}`} {
		l := newClient(t, newRecorder(t, answerWith(200, body)).URL, nil).Logstore("p", "l")
		_, err := l.Heartbeat(t.Context(), Member{"g", "c"}, nil)
		require.ErrorIs(t, err, ErrBadAnswer, body)
	}
	l := newClient(t, newRecorder(t, answerWith(200, `[{"checkpoint":"MTI="}]`)).URL, nil).Logstore("p", "l")
	_, err := l.Checkpoints(t.Context(), "g")
	require.ErrorIs(t, err, ErrBadAnswer)
}

func TestBadPulls(t *testing.T) {
	raw := []byte(strings.Repeat("log group ", 100))
	bomb := Compress(ZSTD, nil, make([]byte, 32<<20))
	pull := func(answer http.HandlerFunc, limit int) error {
		l := newClient(t, newRecorder(t, answer).URL, nil).Logstore("p", "l")
		_, err := l.PullLogs(t.Context(), Pull{Cursor: "MTI=", MaxRawSize: limit})
		return err
	}
	with := func(k, v string) http.HandlerFunc { return pullAnswer(raw, LZ4, map[string]string{k: v}) }
	body := func(header map[string]string, body []byte) http.HandlerFunc {
		head := pullAnswer(nil, LZ4, header)
		return func(w http.ResponseWriter, r *http.Request) {
			head(w, r)
			_, _ = w.Write(body)
		}
	}
	for name, answer := range map[string]http.HandlerFunc{
		"no cursor":            with("X-Log-Cursor", ""),
		"a cursor of words":    with("X-Log-Cursor", "not a cursor"),
		"a long cursor":        with("X-Log-Cursor", strings.Repeat("x", 2000)),
		"no raw size":          with("X-Log-Bodyrawsize", ""),
		"raw size of words":    with("X-Log-Bodyrawsize", "many"),
		"negative raw size":    with("X-Log-Bodyrawsize", "-1"),
		"raw size too small":   with("X-Log-Bodyrawsize", strconv.Itoa(len(raw)-1)),
		"raw size too large":   with("X-Log-Bodyrawsize", strconv.Itoa(len(raw)+1)),
		"impossible raw size":  with("X-Log-Bodyrawsize", strconv.Itoa(50<<20)),
		"overflowing raw size": with("X-Log-Bodyrawsize", "9223372036854775807"),
		"no count":             with("X-Log-Count", ""),
		"negative count":       with("X-Log-Count", "-5"),
		"no compression":       with("X-Log-Compresstype", ""),
		"unknown compression":  with("X-Log-Compresstype", "gzip"),
		"the other codec":      with("X-Log-Compresstype", "zstd"),
		"no body":              body(map[string]string{"X-Log-Bodyrawsize": "10"}, nil),
		"garbage":              body(map[string]string{"X-Log-Bodyrawsize": "10"}, []byte("\xff\xff\xff\xff")),
		"a bomb":               body(map[string]string{"X-Log-Bodyrawsize": "1000", "X-Log-Compresstype": "zstd"}, bomb),
		"more body than can be": body(map[string]string{"X-Log-Bodyrawsize": "10"},
			bytes.Repeat([]byte("x"), 100_000)),
		"an endless body": func(w http.ResponseWriter, r *http.Request) {
			pullAnswer(nil, LZ4, map[string]string{"X-Log-Bodyrawsize": "10"})(w, r)
			endless(200)(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := pull(answer, 0)
			runtime.ReadMemStats(&after)
			require.Equal(t, ClassRetry, requireError(t, err).Class)
			require.ErrorIs(t, err, ErrBadAnswer)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8<<20))
		})
	}
	err := pull(pullAnswer(raw, LZ4, nil), len(raw)-1)
	require.ErrorIs(t, err, ErrTooLarge)
	require.Equal(t, ClassSplit, ClassOf(err))
	require.ErrorContains(t, err, "fetch_max_groups")
	require.ErrorContains(t, err, fmt.Sprint(len(raw)-1))
	require.NoError(t, pull(pullAnswer(raw, LZ4, nil), len(raw)))
}

// The body ends before its announced length.
func TestShortPullBody(t *testing.T) {
	c := pipeClient(t, func(conn net.Conn) {
		readRequest(conn)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 900\r\nX-Log-Cursor: MTI=\r\nX-Log-Count: 1\r\n"+
			"X-Log-Bodyrawsize: 1000\r\nX-Log-Compresstype: lz4\r\n\r\nshort")
	}, nil)
	_, err := c.Logstore("p", "l").PullLogs(t.Context(), Pull{Cursor: "MTI="})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, ClassRetry, ClassOf(err))
}

// A body without Content-Length, in chunks, is read as well.
func TestChunkedPull(t *testing.T) {
	raw := []byte(strings.Repeat("log group ", 100_000))
	rec := newRecorder(t, func(w http.ResponseWriter, r *http.Request) {
		head := pullAnswer(nil, ZSTD, map[string]string{"X-Log-Bodyrawsize": strconv.Itoa(len(raw))})
		head(w, r)
		packed := bufio.NewReader(bytes.NewReader(Compress(ZSTD, nil, raw)))
		for {
			b, err := packed.ReadByte()
			if err != nil {
				return
			}
			_, _ = w.Write([]byte{b})
			_ = http.NewResponseController(w).Flush()
		}
	})
	res, err := newClient(t, rec.URL, nil).Logstore("p", "l").PullLogs(t.Context(), Pull{Cursor: "MTI="})
	require.NoError(t, err)
	require.Equal(t, raw, res.Data)
}
