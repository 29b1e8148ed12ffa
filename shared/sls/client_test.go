package sls

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// N requests at a time, again and again, open N connections and keep them,
// whatever the answer is. In virtual time, because net/http gives up on a
// connection whose writer does not get the processor for 50 ms.
func TestConnectionsAreReused(t *testing.T) {
	const n, rounds = 8, 25
	fail := func(status int, body string) func(*slsfake.Call) {
		return func(c *slsfake.Call) { c.Answer(status, nil, []byte(body)) }
	}
	put := func(ctx context.Context, l Logstore) error { return l.PutLogs(ctx, oneByte, "") }
	list := func(ctx context.Context, l Logstore) error { _, err := l.ListShards(ctx); return err }
	pull := func(ctx context.Context, l Logstore) error {
		_, err := l.PullLogs(ctx, Pull{Cursor: encodeCursor(1)})
		return err
	}
	for name, tc := range map[string]struct {
		call   func(ctx context.Context, l Logstore) error
		answer func(*slsfake.Call)
	}{
		"accepted":        {put, fail(200, "")},
		"a body unwanted": {put, fail(200, strings.Repeat("x", 40_000))},
		"refused":         {put, fail(503, `{"errorCode":"ServerBusy","errorMessage":"busy"}`)},
		"a page of HTML":  {put, fail(502, "<html>"+strings.Repeat("x", 40_000))},
		"a list":          {list, nil},
		"not the JSON":    {list, fail(200, `{}`)},
		"a bad pull":      {pull, fail(200, "")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := newFake(t)
				fake.CreateLogstore("other", "store", 1)
				// Without it a request may get the connection of one that is done
				// before its own is dialed.
				fake.Hook("", func(c *slsfake.Call) { c.Delay(time.Millisecond) })
				if tc.answer != nil {
					fake.Hook("", tc.answer)
				}
				transport := wire{maxConns: n}.transport()
				transport.DialContext = fake.DialContext
				c := newClient(t, "http://127.0.0.1", func(cfg *Config) { cfg.Transport = transport })
				for range rounds {
					var wg sync.WaitGroup
					for i := range n {
						// One pool for all projects of an address.
						wg.Go(func() { _ = tc.call(t.Context(), c.Logstore([]string{"proj", "other"}[i%2], "store")) })
					}
					wg.Wait()
				}
				require.Equal(t, n, fake.Stats().Connections)
				require.Equal(t, n*rounds, fake.Stats().Total().Requests)
			})
		})
	}
}

func TestOwnTransport(t *testing.T) {
	c := newClient(t, "host", func(cfg *Config) { cfg.MaxConns = 33 })
	tr := c.transport.(*http.Transport)
	require.Equal(t, 33, tr.MaxIdleConnsPerHost)
	require.Zero(t, tr.MaxConnsPerHost, "a heartbeat must not queue behind pulls")
	require.Less(t, tr.IdleConnTimeout, 60*time.Second)
	require.True(t, tr.DisableCompression)
	require.NotNil(t, tr.Proxy)
	require.Nil(t, newClient(t, "127.0.0.1", nil).transport.(*http.Transport).Proxy)
}

// The server refuses the time; its Date header mends the clock, and the request
// is sent once more, at once.
func TestClockIsCorrected(t *testing.T) {
	for _, code := range []string{"RequestTimeTooSkewed", "RequestTimeExpired", "requesttimetooskewed"} {
		for _, version := range []string{SignV1, SignV4} {
			ahead := 23 * time.Hour
			rec := newRecorder(t, func(w http.ResponseWriter, r *http.Request) {
				signed, err := time.Parse(http.TimeFormat, r.Header.Get("Date"))
				if err != nil {
					signed, err = time.Parse(sdk.ISO8601, r.Header.Get("X-Log-Date"))
				}
				server := time.Now().Add(ahead)
				w.Header().Set("Date", server.UTC().Format(http.TimeFormat))
				if err != nil || server.Sub(signed).Abs() > time.Minute {
					answerWith(400, `{"errorCode":"`+code+`","errorMessage":"too far"}`)(w, r)
				}
			})
			c := newClient(t, rec.URL, func(cfg *Config) { cfg.SignVersion, cfg.Region = version, testRegion })
			require.Zero(t, c.ClockOffset())
			require.NoError(t, put(t, c))
			require.Len(t, rec.requests(), 2)
			require.InDelta(t, ahead.Seconds(), c.ClockOffset().Seconds(), 5)
			require.NoError(t, put(t, c))
			require.Len(t, rec.requests(), 3, "the offset is remembered")
			require.Equal(t, rec.requests()[0].body, rec.requests()[1].body)
		}
	}
}

func TestClockIsCorrectedOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		header   map[string]string
		requests int
	}{
		"a server that never agrees": {map[string]string{"Date": time.Now().Add(-2 * time.Hour).UTC().Format(http.TimeFormat)}, 2},
		"x-log-time":                 {map[string]string{"Date": "", "X-Log-Time": strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)}, 2},
		"no date":                    {map[string]string{"Date": ""}, 1},
		"no date at all":             {map[string]string{"Date": "yesterday"}, 1},
		"the beginning of time":      {map[string]string{"Date": "Thu, 01 Jan 1970 00:00:00 GMT"}, 1},
		"the end of time":            {map[string]string{"Date": "Fri, 31 Dec 9999 00:00:00 GMT"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			rec := newRecorder(t, func(w http.ResponseWriter, r *http.Request) {
				for k, v := range tc.header {
					w.Header()[k] = nil
					if v != "" {
						w.Header().Set(k, v)
					}
				}
				answerWith(400, `{"errorCode":"RequestTimeTooSkewed","errorMessage":"too far"}`)(w, r)
			})
			c := newClient(t, rec.URL, nil)
			e := requireError(t, put(t, c))
			require.Equal(t, ClassClock, e.Class)
			require.False(t, e.Ambiguous)
			require.Len(t, rec.requests(), tc.requests)
			require.Equal(t, tc.requests == 2, c.ClockOffset() != 0)
		})
	}
}

// A shift beyond a day is an error of one of the two clocks: it is said and not
// followed, and what was learnt before stays.
func TestClockIsNotMovedByMoreThanADay(t *testing.T) {
	for date, told := range map[time.Duration]string{
		time.Until(time.Date(2190, 1, 1, 0, 0, 0, 0, time.UTC)): "2190-01-01 00:00:", 25 * time.Hour: "", -25 * time.Hour: "",
	} {
		var shift atomic.Int64
		shift.Store(int64(time.Hour))
		rec := newRecorder(t, func(w http.ResponseWriter, r *http.Request) {
			server := time.Now().Add(time.Duration(shift.Load()))
			w.Header().Set("Date", server.UTC().Format(http.TimeFormat))
			signed, err := time.Parse(http.TimeFormat, r.Header.Get("Date"))
			if err != nil || server.Sub(signed).Abs() > time.Minute {
				answerWith(400, `{"errorCode":"RequestTimeTooSkewed","errorMessage":"too far"}`)(w, r)
			}
		})
		c := newClient(t, rec.URL, nil)
		require.NoError(t, put(t, c))
		shift.Store(int64(date))
		e := requireError(t, put(t, c))
		require.Equal(t, ClassClock, e.Class)
		require.Contains(t, e.Error(), "too far: more than a day between the clock of this host")
		require.Contains(t, e.Error(), "the server's, "+told)
		require.Contains(t, e.Error(), "(check the clock of this host)")
		require.Len(t, rec.requests(), 3, "not sent with such a time")
		require.InDelta(t, time.Hour.Seconds(), c.ClockOffset().Seconds(), 5)
	}
}

// Project names that records make up do not keep a connection each: as many stay
// open, over all of them, as requests are under way at once.
func TestIdleConnectionsAreBoundedOverAllHosts(t *testing.T) {
	const projects, most = 200, 16
	rec := newRecorder(t, ok)
	c := newClient(t, "http://sls.test", func(cfg *Config) {
		cfg.MaxConns, cfg.Proxy = most, func(*http.Request) (*url.URL, error) { return nil, nil }
	})
	var open, opened atomic.Int32
	c.transport.(*http.Transport).DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", rec.Listener.Addr().String())
		open.Add(1)
		opened.Add(1)
		return &countedConn{Conn: conn, open: &open}, err
	}
	for i := range projects {
		require.NoError(t, c.Logstore(fmt.Sprint("made-up-", i), "store").PutLogs(t.Context(), oneByte, ""))
	}
	require.EqualValues(t, projects, opened.Load())
	require.EqualValues(t, most, open.Load())
	for i := range most {
		require.NoError(t, c.Logstore(fmt.Sprint("made-up-", projects-1-i), "store").PutLogs(t.Context(), oneByte, ""))
	}
	require.EqualValues(t, projects, opened.Load(), "the ones used last are kept")
}

// countedConn counts itself out when it is closed.
type countedConn struct {
	net.Conn
	open *atomic.Int32
	once sync.Once
}

func (c *countedConn) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

// provider is a scripted credential provider.
type provider func() (sdk.Credentials, error)

func (p provider) GetCredentials() (sdk.Credentials, error) { return p() }

func TestCredentialsAreAskedForEachRequest(t *testing.T) {
	rec := newRecorder(t, ok)
	var n atomic.Int32
	c := newClient(t, rec.URL, func(cfg *Config) {
		cfg.Credentials = provider(func() (sdk.Credentials, error) {
			token := []string{"", "first", "second"}[n.Add(1)]
			return sdk.Credentials{AccessKeyID: testKey, AccessKeySecret: testSecret, SecurityToken: token}, nil
		})
	})
	require.NoError(t, put(t, c))
	require.NoError(t, put(t, c))
	require.Equal(t, "first", rec.requests()[0].Header.Get("X-Acs-Security-Token"))
	require.Equal(t, "second", rec.requests()[1].Header.Get("X-Acs-Security-Token"))
}

func TestCredentialProviderFailures(t *testing.T) {
	rec := newRecorder(t, ok)
	failed := errors.New("metadata service is down")
	for _, p := range []provider{
		func() (sdk.Credentials, error) { return sdk.Credentials{}, failed },
		func() (sdk.Credentials, error) { return sdk.Credentials{}, nil },
	} {
		e := requireError(t, put(t, newClient(t, rec.URL, func(cfg *Config) { cfg.Credentials = p })))
		require.Equal(t, ClassCredentials, e.Class)
		require.False(t, e.Ambiguous)
		require.Contains(t, e.Mend, "access_key_id")
	}
	err := put(t, newClient(t, rec.URL, func(cfg *Config) {
		cfg.Credentials = provider(func() (sdk.Credentials, error) { return sdk.Credentials{}, failed })
	}))
	require.ErrorIs(t, err, failed)
	require.Empty(t, rec.requests())
}
