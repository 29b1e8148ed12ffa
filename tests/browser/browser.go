package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long one step may take on a machine that does other things, too.
const patience = time.Minute

// Browser is a running Chromium.
type Browser struct {
	ctx context.Context // of the browser's own page; ends with the browser
	end context.CancelFunc
}

// Start runs bin with its profile in dir, which must be empty. Close ends it, and so
// does the end of ctx.
func Start(ctx context.Context, bin, dir string) (*Browser, error) {
	flags := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(bin), chromedp.UserDataDir(dir), chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("no-proxy-server", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"),
	)
	ctx, endAllocator := chromedp.NewExecAllocator(ctx, flags...)
	ctx, endBrowser := chromedp.NewContext(ctx)
	b := &Browser{ctx: ctx, end: func() { endBrowser(); endAllocator() }}
	if err := chromedp.Do(ctx); err != nil { // starts it
		b.end()
		return nil, fmt.Errorf("start %s: %w", bin, err)
	}
	return b, nil
}

// Version is what the browser calls itself, as "Chrome/156.0.8078.79".
func (b *Browser) Version() (string, error) {
	v, err := chromedp.CallBrowser(b.ctx, browser.GetVersion, cdp.Empty{})
	if err != nil {
		return "", err
	}
	return v.Product, nil
}

// Close ends the browser with all its processes.
func (b *Browser) Close() error {
	defer b.end()
	return chromedp.Cancel(b.ctx)
}

// View is the window that a page is seen in.
type View struct {
	Width, Height int
	Dark          bool
}

// Page is an open page.
type Page struct {
	ctx context.Context
	end context.CancelFunc

	mu       sync.Mutex // guards what follows
	requests []string
	problems []string
}

// Open loads a URL into a new page and waits for it to be complete. Close closes it.
func (b *Browser) Open(url string, view View) (*Page, error) {
	p := &Page{}
	p.ctx, p.end = chromedp.NewContext(b.ctx, chromedp.WithListener(p.listen))
	scheme := "light"
	if view.Dark {
		scheme = "dark"
	}
	err := chromedp.Do(p.ctx, // makes the page, which lives as long as this context
		chromedp.EmulateViewport(int64(view.Width), int64(view.Height)),
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			})
			return err
		}))
	if err == nil {
		err = p.within(func(ctx context.Context) error { return chromedp.Do(ctx, chromedp.Navigate(url)) })
	}
	if err != nil {
		p.end()
		return nil, fmt.Errorf("open %s: %w", url, err)
	}
	return p, nil
}

// Close closes the page.
func (p *Page) Close() { p.end() }

// within gives a step its time.
func (p *Page) within(step func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return step(ctx)
}

// listen notes what the page does. It runs in the loop that reads from the browser.
func (p *Page) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	case *runtime.EventConsoleAPICalled, *runtime.EventExceptionThrown, *log.EventEntryAdded:
		text, err := json.Marshal(e)
		if err != nil {
			text = []byte(err.Error())
		}
		p.problems = append(p.problems, fmt.Sprintf("%T %s", e, text))
	}
}

// Eval evaluates JavaScript in the page and decodes its value, or that of its promise, by
// way of JSON into v; nil = it is of no interest.
func (p *Page) Eval(script string, v any) error {
	var value []byte
	err := p.within(func(ctx context.Context) (err error) {
		value, err = chromedp.Run(ctx, chromedp.Evaluate[[]byte](script, chromedp.EvalAsValue, chromedp.EvalAwaitPromise))
		return err
	})
	if err != nil {
		return fmt.Errorf("evaluate: %w", err)
	}
	if v == nil {
		return nil
	}
	return json.Unmarshal(value, v)
}

// Wait waits until the JavaScript expression is true in the page.
func (p *Page) Wait(condition string) error {
	err := p.Eval(`new Promise(done => {
		const look = () => (`+condition+`) ? done() : setTimeout(look, 20)
		look()
	})`, nil)
	if err != nil {
		return fmt.Errorf("wait for %s: %w", condition, err)
	}
	return nil
}

// Screenshot returns the whole page as a PNG.
func (p *Page) Screenshot() (png []byte, err error) {
	err = p.within(func(ctx context.Context) (err error) {
		png, err = chromedp.Run(ctx, chromedp.FullScreenshot(100))
		return err
	})
	return png, err
}

// Requests are the URLs the page has asked for so far, its own included.
func (p *Page) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.requests...)
}

// Problems are what the console shows of the page so far, as JSON: messages,
// uncaught exceptions, what the browser refused to load or run.
func (p *Page) Problems() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.problems...)
}
