package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Browser is a running Chromium.
type Browser struct {
	cmd  *exec.Cmd
	pipe *pipe
}

// Start runs bin with its profile in dir, which must be empty. Close ends it.
func Start(ctx context.Context, bin, dir string) (*Browser, error) {
	args := []string{
		"--headless", "--remote-debugging-pipe", "--user-data-dir=" + dir,
		"--no-first-run", "--disable-extensions", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--disable-gpu", "--force-color-profile=srgb",
		"--disable-dev-shm-usage", // /dev/shm is small in containers
		"--host-resolver-rules=MAP * ~NOTFOUND",
	}
	if os.Getuid() == 0 {
		args = append(args, "--no-sandbox") // root cannot have one
	}
	b := &Browser{cmd: exec.CommandContext(ctx, bin, append(args, "about:blank")...)}
	// A group of its own, so that the processes it starts end with it.
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	b.cmd.Cancel = func() error { return syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL) }
	in, toBrowser, err1 := os.Pipe()
	fromBrowser, out, err2 := os.Pipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	b.cmd.ExtraFiles = []*os.File{in, out} // 3 and 4: where --remote-debugging-pipe reads and writes
	err := b.cmd.Start()
	err = errors.Join(err, in.Close(), out.Close())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", bin, err), toBrowser.Close(), fromBrowser.Close())
	}
	b.pipe = newPipe(toBrowser, fromBrowser)
	return b, nil
}

// Version is what the browser calls itself, as "Chrome/156.0.8078.79".
func (b *Browser) Version(ctx context.Context) (string, error) {
	var v struct{ Product string }
	err := b.pipe.call(ctx, "", "Browser.getVersion", nil, &v)
	return v.Product, err
}

// Close ends the browser with all its processes.
func (b *Browser) Close(ctx context.Context) error {
	err := b.pipe.call(ctx, "", "Browser.close", nil, nil)
	if errors.Is(err, errGone) {
		err = nil // before it was asked to, or before it answered
	}
	_ = b.cmd.Cancel() // fails where none is left
	_ = b.cmd.Wait()   // its exit code depends on which of them ended first
	return errors.Join(err, b.pipe.close())
}

// View is the window that a page is seen in.
type View struct {
	Width, Height int
	Dark          bool
}

// Page is an open page.
type Page struct {
	pipe    *pipe
	session string
	view    View
}

// Open loads a file into a new page and waits for it to be complete.
func (b *Browser) Open(ctx context.Context, file string, view View) (*Page, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	p := &Page{pipe: b.pipe, view: view}
	if err := p.attach(ctx); err != nil {
		return nil, err
	}
	loaded := b.pipe.next(p.session, "Page.loadEventFired")
	if err := p.call(ctx, "Page.navigate", map[string]any{"url": "file://" + path}, nil); err != nil {
		return nil, err
	}
	select {
	case <-loaded:
		return p, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("load %s: %w", file, ctx.Err())
	}
}

// attach makes the page and lets it report what it does.
func (p *Page) attach(ctx context.Context) error {
	var target struct{ TargetID string }
	var attached struct{ SessionID string }
	err := p.pipe.call(ctx, "", "Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	if err == nil {
		err = p.pipe.call(ctx, "", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	}
	if err != nil {
		return err
	}
	p.session = attached.SessionID
	scheme := "light"
	if p.view.Dark {
		scheme = "dark"
	}
	for _, c := range []struct {
		method string
		params any
	}{
		{"Page.enable", nil},
		{"Network.enable", nil},
		{"Runtime.enable", nil},
		{"Log.enable", nil},
		{"Emulation.setDeviceMetricsOverride", map[string]any{
			"width": p.view.Width, "height": p.view.Height, "deviceScaleFactor": 1, "mobile": false,
		}},
		{"Emulation.setEmulatedMedia", map[string]any{
			"features": []any{map[string]any{"name": "prefers-color-scheme", "value": scheme}},
		}},
	} {
		if err := p.call(ctx, c.method, c.params, nil); err != nil {
			return err
		}
	}
	return nil
}

func (p *Page) call(ctx context.Context, method string, params, result any) error {
	return p.pipe.call(ctx, p.session, method, params, result)
}

// Eval evaluates JavaScript in the page and decodes what it yields, by way of
// JSON, into v.
func (p *Page) Eval(ctx context.Context, script string, v any) error {
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct{ Exception struct{ Description string } }
	}
	err := p.call(ctx, "Runtime.evaluate", map[string]any{"expression": script, "returnByValue": true, "awaitPromise": true}, &r)
	if err != nil {
		return err
	}
	if r.ExceptionDetails != nil {
		return fmt.Errorf("evaluate: %s", r.ExceptionDetails.Exception.Description)
	}
	return json.Unmarshal(r.Result.Value, v)
}

// Screenshot returns the whole page as a PNG.
func (p *Page) Screenshot(ctx context.Context) ([]byte, error) {
	var m struct {
		CSSContentSize struct{ Width, Height float64 }
	}
	if err := p.call(ctx, "Page.getLayoutMetrics", nil, &m); err != nil {
		return nil, err
	}
	clip := map[string]any{"x": 0, "y": 0, "width": p.view.Width, "height": m.CSSContentSize.Height, "scale": 1}
	var shot struct{ Data []byte }
	err := p.call(ctx, "Page.captureScreenshot", map[string]any{"captureBeyondViewport": true, "clip": clip}, &shot)
	return shot.Data, err
}

// Requests are the URLs the page has asked for so far, its own included.
func (p *Page) Requests() []string {
	var urls []string
	for _, params := range p.pipe.seen(p.session, "Network.requestWillBeSent") {
		var e struct{ Request struct{ URL string } }
		if json.Unmarshal(params, &e) == nil {
			urls = append(urls, e.Request.URL)
		}
	}
	return urls
}

// Problems are what the console shows of the page so far, as JSON: messages,
// uncaught exceptions, what the browser refused to load or run.
func (p *Page) Problems() []string {
	var out []string
	for _, method := range []string{"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"} {
		for _, params := range p.pipe.seen(p.session, method) {
			out = append(out, method+" "+string(params))
		}
	}
	return out
}
