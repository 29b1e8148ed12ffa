package credentials

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"

	"fluent-bit-sls/shared/panics"
)

type credential = sdk.Credentials

var errClosed = errors.New("the plugin is stopping")

// Provider caches credentials and refreshes them. There is one fetch at a time, whatever
// the number of callers, on a goroutine that ends with it. While the cached credentials
// are valid, callers get them at once and without a lock; when it is time, one of the
// callers starts the fetch. It is safe for concurrent use.
type Provider struct {
	kind   Kind
	mend   string
	source source
	log    *slog.Logger // nil = silent
	panics *panics.Guard

	fetching sync.WaitGroup
	cached   atomic.Pointer[cached] // nil = nothing yet

	mu       sync.Mutex    // guards what follows; not locked during a fetch
	pending  *pendingFetch // nil = no fetch is under way
	closed   bool
	failures int       // in a row
	lastErr  error     // of the last of them
	retryAt  time.Time // no fetch before
	refusals int       // fetches that refusals have caused since the last Accepted
	refuseAt time.Time // no such fetch before
}

// pendingFetch is one fetch. Its result may be read once done is closed.
type pendingFetch struct {
	done  chan struct{}
	fresh bool
	cred  credential
	err   error
}

// wait returns the result, or the context's error.
func (f *pendingFetch) wait(ctx context.Context) (credential, error) {
	select {
	case <-f.done:
		return f.cred, f.err
	case <-ctx.Done():
		return credential{}, context.Cause(ctx)
	}
}

// New returns the provider that c asks for. proxy is the URL of the proxy to STS and to
// credentials_uri, "" for the environment's. New does no network and starts no goroutine.
// Close the provider.
func New(c Config, proxy string, log *slog.Logger) *Provider {
	kind := c.Resolved()
	s := &sources{c, c.newFetcher(proxy)}
	return newProvider(kind, &caching{origins: s.origins(kind), clean: c.clean}, log)
}

func newProvider(kind Kind, s source, log *slog.Logger) *Provider {
	return &Provider{kind: kind, mend: mends(kind), source: s, log: log, panics: panics.New(log, nil)}
}

// GetCredentials is the SDK's interface. It waits as long as a fetch takes.
func (p *Provider) GetCredentials() (sdk.Credentials, error) {
	return p.Credentials(context.Background())
}

// Credentials returns credentials to sign a request with. It waits for a fetch only when
// there are none that are still valid, and then until ctx ends at most.
func (p *Provider) Credentials(ctx context.Context) (sdk.Credentials, error) {
	have := p.cached.Load()
	now := time.Now()
	if have != nil && now.Before(have.checkAt) {
		return have.credential, nil
	}
	f, err := p.join(have, false)
	switch {
	case have != nil && now.Before(have.until):
		return have.credential, nil
	case err != nil:
		return credential{}, err
	}
	return f.wait(ctx)
}

// Refused takes note that the server has refused a request that was signed with used. It
// returns credentials for one more try, or false when there are no others. The first
// refusal fetches at once. Until Accepted is called, the pauses between such fetches
// grow. A missing permission is no refusal of the keys.
func (p *Provider) Refused(ctx context.Context, used sdk.Credentials) (sdk.Credentials, bool) {
	for ctx.Err() == nil {
		have := p.cached.Load()
		if have != nil && have.credential != used {
			return have.credential, true // somebody else was faster
		}
		f, err := p.join(have, true)
		if err != nil {
			return credential{}, false
		}
		cred, err := f.wait(ctx)
		switch {
		case err != nil:
			return credential{}, false
		case cred != used:
			return cred, true
		case f.fresh:
			return credential{}, false
		}
		// A fetch for another reason was under way and gave what it had: ask once more.
	}
	return credential{}, false
}

// Accepted takes note that the server has taken what Refused gave. The next refusal then
// fetches at once again.
func (p *Provider) Accepted() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusals, p.refuseAt = 0, time.Time{}
}

// Mend names the options to look at when the service refuses the credentials.
func (p *Provider) Mend() string { return p.mend }

// Close lets no more fetches begin. It waits up to a second for the one under way. A
// fetch that hangs ends later, by its own time-outs.
func (p *Provider) Close() error {
	p.mu.Lock()
	p.closed = true
	f := p.pending
	p.mu.Unlock()
	if f != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		_, _ = f.wait(ctx) // nobody needs the result
	}
	return nil
}

// closeTimeout keeps a metadata service that does not answer from holding up a
// shutdown, which has a few seconds.
const closeTimeout = time.Second

// String names the kind, so that no verb prints more.
func (p *Provider) String() string { return "credentials " + p.kind }

// GoString is String.
func (p *Provider) GoString() string { return p.String() }

// LogValue is String.
func (p *Provider) LogValue() slog.Value { return slog.StringValue(p.String()) }

// join returns the fetch under way, or starts one. have is what the caller saw: if
// something else is cached by now, that is the result. The error says why there is no
// fetch: it is too early after a failure, or the provider is closed.
func (p *Provider) join(have *cached, refused bool) (*pendingFetch, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	switch latest := p.cached.Load(); {
	case latest != have && !latest.failing:
		f := &pendingFetch{done: make(chan struct{}), cred: latest.credential}
		close(f.done)
		return f, nil
	case p.pending != nil:
		return p.pending, nil
	case p.closed:
		return nil, errClosed
	case p.lastErr != nil && now.Before(p.retryAt):
		return nil, p.lastErr
	case refused && now.Before(p.refuseAt):
		return nil, errors.New("refused again")
	}
	if refused {
		p.refusals++
		p.refuseAt = now.Add(doubling(refusedPause, refusedMost, p.refusals))
	}
	f := &pendingFetch{done: make(chan struct{}), fresh: refused || have == nil}
	p.pending = f
	p.panics.Go(&p.fetching, "the fetch of credentials", func() { p.fetch(f, have) })
	return f, nil
}

// fetch is the goroutine of one fetch. f ends with it, whatever happens.
func (p *Provider) fetch(f *pendingFetch, have *cached) {
	f.err = errors.New("the fetch was cut short by a panic")
	defer close(f.done)
	defer p.leave(f)
	got, renewed, err := p.obtain(f.fresh, have, time.Now())
	now := time.Now()
	f.err = p.keep(have, got, renewed, err, now)
	f.cred = got.credential
	p.report(have, got, now, err)
}

// leave removes a fetch that is over, if it is still the pending one.
func (p *Provider) leave(f *pendingFetch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pending == f {
		p.pending = nil
	}
}

// keep caches what a fetch brought. It returns the error for those who wait for the
// fetch.
func (p *Provider) keep(have *cached, got fetched, renewed bool, err error, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending = nil
	if got.AccessKeyID != "" {
		p.failures, p.lastErr = 0, nil
		p.cached.Store(have.next(got.credential, now, renewed))
		return nil
	}
	p.failures++
	p.lastErr = err
	p.retryAt = now.Add(doubling(retryFirst, retryMost, p.failures))
	if have != nil {
		p.cached.Store(have.failed(now, p.retryAt))
	}
	return err
}

// obtain asks the source for fresh credentials if they are due, else for those that it
// has. When that fails, it asks for the other kind if that may help. renewed says that
// the result is fresh. An error that comes with credentials says why they are not.
func (p *Provider) obtain(fresh bool, have *cached, now time.Time) (got fetched, renewed bool, err error) {
	if fresh {
		got, err = p.ask(true)
		return got, true, err
	}
	due, ended := !now.Before(have.renewAt), !now.Before(have.until)
	got, err = p.ask(due)
	if err == nil || !due && !ended {
		return got, due, err
	}
	other, otherErr := p.ask(!due)
	return other, !due, errors.Join(err, otherErr)
}

// ask is the source's get; a panic in there is an error.
func (p *Provider) ask(fresh bool) (got fetched, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("credential source panicked: %T", v)
		}
	}()
	return p.source.get(fresh)
}

// report logs what no caller logs: a caller logs the errors that it gets.
func (p *Provider) report(have *cached, got fetched, now time.Time, err error) {
	switch {
	case p.log == nil:
	case err == nil && have == nil:
		p.log.Info("credentials found", "from", got.from)
	case err == nil && have.failing:
		p.log.Info("credentials refreshed again", "from", got.from)
	case err != nil && have != nil && now.Before(have.until):
		p.log.Warn("credentials not refreshed: those at hand are used while they are valid", "error", err)
	}
}

// mends names the options of a kind.
func mends(kind Kind) string {
	switch kind {
	case Static:
		return "access_key_id, access_key_secret, security_token"
	case RRSA:
		return "credentials, role_arn, oidc_provider_arn, oidc_token_file, sts_endpoint"
	case AssumeRole:
		return "credentials, role_arn, external_id, sts_endpoint"
	case ECSRAMRole:
		return "credentials, ecs_role_name"
	case Profile:
		return "credentials, profile_name"
	case URI:
		return "credentials, credentials_uri"
	default:
		return "credentials"
	}
}
