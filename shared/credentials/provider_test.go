package credentials

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

var errDown = errors.New("source is down")

// fakeSource behaves as a caching source does: what it has fetched lasts for life, and is
// fetched anew when margin or less is left.
type fakeSource struct {
	mu      sync.Mutex
	life    time.Duration // of what is fetched
	takes   time.Duration // a fetch
	down    bool
	same    bool // every fetch gives the same
	fetches int
	running atomic.Int32
	have    credential
	ends    time.Time
}

func (s *fakeSource) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *fakeSource) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetches
}

func (s *fakeSource) get(fresh bool) (fetched, error) {
	if s.running.Add(1) > 1 {
		panic("two calls at once")
	}
	defer s.running.Add(-1)
	s.mu.Lock()
	cached := !fresh && s.have.AccessKeyID != "" && time.Until(s.ends) > margin
	takes := s.takes
	s.mu.Unlock()
	if cached {
		return fetched{s.have, "fake"}, nil
	}
	<-time.After(takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetches++
	if s.down {
		return fetched{}, errDown
	}
	n := s.fetches
	if s.same {
		n = 1
	}
	s.have = credential{AccessKeyID: fmt.Sprint("key", n), AccessKeySecret: newSecret, SecurityToken: newToken}
	s.ends = time.Now().Add(s.life)
	return fetched{s.have, "fake"}, nil
}

// valid reports whether cred would be accepted now.
func (s *fakeSource) valid(cred credential) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return cred == s.have && time.Now().Before(s.ends)
}

func hour() *fakeSource { return &fakeSource{life: time.Hour, takes: 100 * time.Millisecond} }

// inBubble runs a test in virtual time.
func inBubble(t *testing.T, s *fakeSource, run func(t *testing.T, p *Provider)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(ECSRAMRole, s, nil)
		run(t, p)
		require.NoError(t, p.Close())
	})
}

func TestConcurrentCallersCauseOneFetch(t *testing.T) {
	s := hour()
	inBubble(t, s, func(t *testing.T, p *Provider) {
		require.Zero(t, s.count(), "nothing is fetched before it is needed")
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				cred, err := p.Credentials(t.Context())
				require.NoError(t, err)
				require.Equal(t, "key1", cred.AccessKeyID)
			})
		}
		wg.Wait()
		require.Equal(t, 1, s.count())
	})
}

// A caller that saw nothing, and was overtaken before it asked, gets what is there
// by then.
func TestLateCallerFetchesNothing(t *testing.T) {
	s := hour()
	inBubble(t, s, func(t *testing.T, p *Provider) {
		want, err := p.Credentials(t.Context())
		require.NoError(t, err)
		for _, refused := range []bool{false, true} {
			f, err := p.join(nil, refused)
			require.NoError(t, err)
			got, err := f.wait(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		require.Equal(t, 1, s.count())
	})
}

// Used all the time over a day, no caller ever waits or gets what has expired,
// and what is cached is renewed long before its end.
func TestRefreshedAheadOfExpiry(t *testing.T) {
	s := hour()
	inBubble(t, s, func(t *testing.T, p *Provider) {
		_, err := p.Credentials(t.Context())
		require.NoError(t, err)
		for range 24 * 60 * 12 {
			<-time.After(5 * time.Second)
			synctest.Wait() // let a fetch of before be done, not one that this call sets off
			before := time.Now()
			cred, err := p.Credentials(t.Context())
			require.NoError(t, err)
			require.Equal(t, before, time.Now(), "a caller waited")
			require.True(t, s.valid(cred), "expired credentials were handed out")
			s.set(func() { require.Greater(t, time.Until(s.ends), 25*time.Minute) })
		}
		require.InDelta(t, 24*2, s.count(), 10, "fetches a day")
	})
}

// The source goes away: what is cached is used to its end, then callers get the
// error; when it is back, so are the credentials.
func TestFailureKeepsTheOldUntilTheyExpire(t *testing.T) {
	s := hour()
	inBubble(t, s, func(t *testing.T, p *Provider) {
		cred, err := p.Credentials(t.Context())
		require.NoError(t, err)
		s.set(func() { s.down = true })
		begin, served := time.Now(), time.Duration(0)
		for time.Since(begin) < 2*time.Hour {
			<-time.After(10 * time.Second)
			now := time.Now()
			got, err := p.Credentials(t.Context())
			if err == nil {
				require.Equal(t, cred, got)
				require.Equal(t, now, time.Now(), "a caller waited while there were valid ones")
				served = time.Since(begin)
			} else {
				require.ErrorIs(t, err, errDown)
				require.GreaterOrEqual(t, time.Since(begin), time.Hour-checkEvery, "given up before the end")
			}
		}
		require.Greater(t, served, time.Hour-checkEvery)
		require.Less(t, served, time.Hour+checkEvery)
		require.Less(t, s.count(), 300, "a source that is down is not hammered")
		s.set(func() { s.down = false })
		<-time.After(retryMost)
		got, err := p.Credentials(t.Context())
		require.NoError(t, err)
		require.True(t, s.valid(got))
	})
}

// After an idle time longer than margin nobody knows how long what is cached is
// good for: the caller waits for the answer.
func TestIdleTime(t *testing.T) {
	s := hour()
	inBubble(t, s, func(t *testing.T, p *Provider) {
		for range 20 {
			cred, err := p.Credentials(t.Context())
			require.NoError(t, err)
			require.True(t, s.valid(cred))
			<-time.After(2 * time.Hour)
		}
		s.set(func() { s.life = 5 * time.Hour })
		_, err := p.Credentials(t.Context())
		require.NoError(t, err)
		s.set(func() { s.down = true })
		<-time.After(2 * time.Hour)
		cred, err := p.Credentials(t.Context())
		require.NoError(t, err, "the source is down, but what it gave is valid")
		require.True(t, s.valid(cred))
	})
}

func TestRefusedFetchesAtOnce(t *testing.T) {
	s := hour()
	inBubble(t, s, func(t *testing.T, p *Provider) {
		used, err := p.Credentials(t.Context())
		require.NoError(t, err)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				cred, ok := p.Refused(t.Context(), used)
				require.True(t, ok)
				require.Equal(t, "key2", cred.AccessKeyID)
			})
		}
		wg.Wait()
		require.Equal(t, 2, s.count(), "one fetch for all that were refused")
		cred, ok := p.Refused(t.Context(), used)
		require.True(t, ok, "the old ones were refused once more, late")
		require.Equal(t, "key2", cred.AccessKeyID)
		require.Equal(t, 2, s.count())
	})
}

// Keys that are refused whatever is fetched cause few fetches: ten thousand nodes must
// not become a storm on STS. The test makes a request a second for an hour.
func TestRefusedAgain(t *testing.T) {
	for _, same := range []bool{true, false} { // whether the fetches give the same keys
		s := hour()
		s.same = same
		inBubble(t, s, func(t *testing.T, p *Provider) {
			_, err := p.Credentials(t.Context())
			require.NoError(t, err)
			fetchedAt := []time.Duration{}
			for begin := time.Now(); time.Since(begin) < time.Hour; <-time.After(time.Second) {
				before := s.count()
				used, err := p.Credentials(t.Context())
				require.NoError(t, err)
				_, ok := p.Refused(t.Context(), used)
				require.Equal(t, ok, s.count() > before && !same, "others, as long as there are any")
				if s.count() > before {
					fetchedAt = append(fetchedAt, time.Since(begin))
				}
			}
			require.InDelta(t, 13, len(fetchedAt), 2, "fetches in an hour: %v", fetchedAt)
			for i, least := range []time.Duration{8, 16, 32, 64, 128, 256, 480, 480} { // seconds
				require.GreaterOrEqual(t, fetchedAt[i+1]-fetchedAt[i], least*time.Second)
			}
			s.set(func() { s.down = true })
			<-time.After(refusedMost)
			used, err := p.Credentials(t.Context())
			require.NoError(t, err)
			_, ok := p.Refused(t.Context(), used)
			require.False(t, ok)
			cred, err := p.Credentials(t.Context())
			require.NoError(t, err)
			require.Equal(t, used, cred, "a failing fetch takes nothing away")
		})
	}
}

// Keys that were accepted and are refused later are fetched anew at once, however
// often that was so before.
func TestRefusedAfterAccepted(t *testing.T) {
	s := hour()
	inBubble(t, s, func(t *testing.T, p *Provider) {
		for range 50 {
			used, err := p.Credentials(t.Context())
			require.NoError(t, err)
			fetches := s.count()
			_, ok := p.Refused(t.Context(), used)
			require.True(t, ok)
			require.Equal(t, fetches+1, s.count())
			p.Accepted()
			<-time.After(refusedPause)
		}
	})
}

func TestNothingAtFirst(t *testing.T) {
	s := hour()
	s.down = true
	inBubble(t, s, func(t *testing.T, p *Provider) {
		for range 600 {
			_, err := p.Credentials(t.Context())
			require.ErrorIs(t, err, errDown)
			<-time.After(time.Second)
		}
		require.Less(t, s.count(), 25, "a source that is down is not hammered")
		s.set(func() { s.down = false })
		<-time.After(retryMost)
		_, err := p.Credentials(t.Context())
		require.NoError(t, err)
	})
}

// A caller that gives up leaves the fetch to the others; Close waits for it, but not as
// long as the fetch may hang.
func TestContextAndClose(t *testing.T) {
	for _, tc := range []struct{ close, waits time.Duration }{{2 * time.Second, time.Second}, {4500 * time.Millisecond, 500 * time.Millisecond}, {6 * time.Second, 0}} {
		s := hour()
		s.takes = 5 * time.Second
		synctest.Test(t, func(t *testing.T) {
			p := newProvider(ECSRAMRole, s, nil)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := p.Credentials(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			_, ok := p.Refused(ctx, credential{})
			require.False(t, ok)
			<-time.After(tc.close - time.Second)
			begin := time.Now()
			require.NoError(t, p.Close())
			require.Equal(t, tc.waits, time.Since(begin))
			<-time.After(2 * time.Hour)
			_, err = p.Credentials(t.Context())
			require.ErrorIs(t, err, errClosed)
			require.Equal(t, 1, s.count())
		})
	}
}

type panicking struct{}

func (panicking) get(bool) (fetched, error) { panic(newSecret) }

func TestPanickingSource(t *testing.T) {
	p := newProvider(URI, panicking{}, nil)
	_, err := p.Credentials(t.Context())
	require.ErrorContains(t, err, "panicked")
	require.NotContains(t, err.Error(), newSecret)
	require.NoError(t, p.Close())
}

// Under load, while keys rotate and refusals come at random, every caller gets
// what is valid. With the race detector.
func TestRotationUnderLoad(t *testing.T) {
	s := hour()
	s.life = 16 * time.Minute
	inBubble(t, s, func(t *testing.T, p *Provider) {
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				for n := range 500 {
					cred, err := p.Credentials(t.Context())
					require.NoError(t, err)
					if (n*7+i)%97 == 0 {
						fresh, ok := p.Refused(t.Context(), cred)
						require.True(t, !ok || fresh != cred)
					}
					<-time.After(time.Duration(1+i) * time.Second)
				}
			})
		}
		wg.Wait()
		require.Greater(t, s.count(), 10)
	})
}

// A failure that no caller sees is logged, and so is its end. Callers log the others.
func TestLogsWhatNobodySees(t *testing.T) {
	s := hour()
	synctest.Test(t, func(t *testing.T) {
		var text strings.Builder
		p := newProvider(ECSRAMRole, s, slog.New(slog.NewTextHandler(&text, nil)))
		use := func(d time.Duration) (logged string) {
			text.Reset()
			for range int(d / time.Minute) {
				_, _ = p.Credentials(t.Context())
				<-time.After(time.Minute)
				synctest.Wait()
			}
			requireSilent(t, strings.ReplaceAll(text.String(), "\n", " "))
			return text.String()
		}
		require.Regexp(t, `^time=\S+ level=INFO msg="credentials found" from=fake\n$`, use(20*time.Minute))
		s.set(func() { s.down = true })
		require.Contains(t, use(15*time.Minute), `msg="credentials not refreshed: those at hand are used while they are valid" error="source is down`)
		require.Contains(t, use(24*time.Minute), "not refreshed")
		s.set(func() { s.down = false })
		require.Contains(t, use(2*time.Minute), `msg="credentials refreshed again" from=fake`)
		s.set(func() { s.down = true })
		use(2 * time.Hour)
		require.Empty(t, use(time.Hour), "callers get the error")
		require.NoError(t, p.Close())
	})
}

func TestProviderPrintsNothing(t *testing.T) {
	p := newProvider(URI, hour(), nil)
	_, err := p.Credentials(t.Context())
	require.NoError(t, err)
	text := fmt.Sprintf("%v %+v %#v %s", p, p, p, p)
	require.Equal(t, strings.TrimSpace(strings.Repeat("credentials uri ", 4)), text)
	require.NoError(t, p.Close())
}
