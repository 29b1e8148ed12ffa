package sls

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// answering answers every request with that body, without a network.
type answering []byte

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{}, ContentLength: int64(len(a)), Request: r,
		Body: io.NopCloser(strings.NewReader(string(a))),
	}, nil
}

const pullHead = "HTTP/1.1 200 OK\r\nX-Log-Cursor: MTI=\r\nX-Log-Count: 1\r\nX-Log-Bodyrawsize: 1000\r\nX-Log-Compresstype: lz4\r\n"

// calls are one of each kind.
var calls = map[string]func(t *testing.T, l Logstore) error{
	"put": func(t *testing.T, l Logstore) error { return l.PutLogs(t.Context(), oneByte, "") },
	"pull": func(t *testing.T, l Logstore) error {
		_, err := l.PullLogs(t.Context(), Pull{Cursor: "MTI="})
		return err
	},
	"list": func(t *testing.T, l Logstore) error { _, err := l.ListShards(t.Context()); return err },
	"heartbeat": func(t *testing.T, l Logstore) error {
		_, err := l.Heartbeat(t.Context(), Member{"g", "c"}, nil)
		return err
	},
	"create": func(t *testing.T, l Logstore) error {
		return l.CreateConsumerGroup(t.Context(), ConsumerGroup{Name: "g"})
	},
}

// A server that sends a byte a second, wherever it does, holds no call longer than
// request_timeout.
func TestSlowServerIsLeft(t *testing.T) {
	for where, head := range map[string]string{
		"status line":       "",
		"headers":           "HTTP/1.1 200 OK\r\nX-",
		"body":              pullHead + "Content-Length: 900\r\n\r\n",
		"body of no length": pullHead + "\r\n",
		"chunks":            pullHead + "Transfer-Encoding: chunked\r\n\r\n384\r\n",
		"chunk size":        pullHead + "Transfer-Encoding: chunked\r\n\r\n",
		"trailers":          pullHead + "Transfer-Encoding: chunked\r\n\r\n0\r\nX-",
		"error body":        "HTTP/1.1 503 Bad\r\nContent-Length: 900\r\n\r\n",
		"interim answers":   "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\n\r\n",
	} {
		for name, call := range calls {
			t.Run(where+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := pipeClient(t, func(conn net.Conn) {
						readRequest(conn)
						drip(conn, head)
					}, func(cfg *Config) { cfg.RequestTimeout = 30 * time.Second })
					defer func() {
						c.Close()
						<-time.After(2 * time.Second) // for the server to notice
						synctest.Wait()
					}()
					begin := time.Now()
					err := call(t, c.Logstore("p", "l"))
					require.LessOrEqual(t, time.Since(begin), 30*time.Second)
					if where == "error body" || (name == "put" || name == "create") && strings.Contains(head, "\r\n\r\n") && where != "interim answers" {
						return // known before the body is
					}
					require.ErrorIs(t, err, ErrTimeout)
					require.Equal(t, ClassRetry, ClassOf(err))
				})
			})
		}
	}
}

// drip sends head at once and then a letter each second.
func drip(conn net.Conn, head string) {
	if _, err := io.WriteString(conn, head); err != nil {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for range tick.C {
		if _, err := io.WriteString(conn, "a"); err != nil {
			return
		}
	}
}

// Whatever a server sends without end, a call reads a bounded part of it.
func TestEndlessServerIsLeft(t *testing.T) {
	line := "X-Filler: " + strings.Repeat("x", 1000) + "\r\n"
	for where, answer := range map[string]struct{ head, endless string }{
		"status line":     {"HTTP/1.1 200 ", strings.Repeat("x", 1000)},
		"headers":         {"HTTP/1.1 200 OK\r\n", line},
		"one header":      {"HTTP/1.1 200 OK\r\nX-Filler: ", strings.Repeat("x", 1000)},
		"interim answers": {"", "HTTP/1.1 102 Wait\r\n" + line + "\r\n"},
		"body":            {pullHead + "\r\n", strings.Repeat("[1,", 300)},
		"body of 2^60":    {pullHead + "Content-Length: 1152921504606846976\r\n\r\n", strings.Repeat("[1,", 300)},
		"tiny chunks":     {pullHead + "Transfer-Encoding: chunked\r\n\r\n", strings.Repeat("10\r\n"+"[1,[1,[1,[1,[1,[\r\n", 100)},
		"chunk extension": {pullHead + "Transfer-Encoding: chunked\r\n\r\n1;", strings.Repeat("x", 1000)},
		"trailers":        {pullHead + "Transfer-Encoding: chunked\r\n\r\n0\r\n", line},
		"error body":      {"HTTP/1.1 503 Bad\r\n\r\n", "<title>" + strings.Repeat("x", 1000)},
		"error of 1 GB":   {"HTTP/1.1 400 Bad\r\nContent-Length: 1073741824\r\n\r\n", `{"errorCode":"` + strings.Repeat("x", 1000)},
	} {
		for name, call := range calls {
			t.Run(where+"/"+name, func(t *testing.T) {
				c := pipeClient(t, func(conn net.Conn) {
					readRequest(conn)
					_, err := io.WriteString(conn, answer.head)
					for err == nil {
						_, err = io.WriteString(conn, answer.endless)
					}
				}, nil)
				took := allocated(func() {
					err := call(t, c.Logstore("p", "l"))
					if err != nil {
						require.Less(t, len(err.Error()), 1000)
						require.NotErrorIs(t, err, ErrTimeout)
					}
				})
				// A list is read up to maxJSONAnswer, in a buffer that grows.
				require.Less(t, took, uint64(48<<20))
			})
		}
	}
}

// Lengths that are wrong are no answer, and the connection is not used again.
func TestWrongLengths(t *testing.T) {
	for name, answer := range map[string]string{
		"shorter than announced":  "Content-Length: 900\r\n\r\n[",
		"two lengths":             "Content-Length: 2\r\nContent-Length: 900\r\n\r\n[]",
		"negative":                "Content-Length: -1\r\n\r\n[]",
		"words":                   "Content-Length: many\r\n\r\n[]",
		"more than there can be":  "Content-Length: 99999999999999999999\r\n\r\n[]",
		"a chunk that is cut off": "Transfer-Encoding: chunked\r\n\r\n900\r\n[",
		"a negative chunk":        "Transfer-Encoding: chunked\r\n\r\n-1\r\n[]\r\n0\r\n\r\n",
		"a chunk of 2^64":         "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n[]",
		"unknown transfer coding": "Transfer-Encoding: gzip\r\n\r\n[]",
	} {
		t.Run(name, func(t *testing.T) {
			opened := 0
			c := pipeClient(t, func(conn net.Conn) {
				readRequest(conn)
				if opened++; opened == 1 {
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+answer)
					return
				}
				_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n[{\"shardID\":7}]")
			}, nil)
			l := c.Logstore("p", "l")
			_, err := l.ListShards(t.Context())
			require.Error(t, err)
			require.Equal(t, ClassRetry, ClassOf(err))
			shards, err := l.ListShards(t.Context())
			require.NoError(t, err)
			require.Equal(t, 7, shards[0].ID)
		})
	}
}
