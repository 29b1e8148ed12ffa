package report_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"fluent-bit-sls/tests/browser"
	"fluent-bit-sls/tests/demo/report"
)

// chromiums holds the Chromium that pages are looked at with, or none.
var chromiums []*browser.Browser

func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// runTests finds a browser, and tells in the end whether there was one: a machine
// that cannot install it still runs all other tests.
func runTests(m *testing.M) (code int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	bin, err := browser.Find()
	used := "not opened in a browser: "
	if err != nil {
		used += strings.ReplaceAll(err.Error(), "\n", "; ") // a report is one line
	} else {
		dir, err := os.MkdirTemp("", "sls-browser-")
		if err != nil {
			return 1, err
		}
		defer os.RemoveAll(dir)
		b, err := browser.Start(ctx, bin, dir)
		if err != nil {
			return 1, err
		}
		defer b.Close()
		version, err := b.Version()
		if err != nil {
			return 1, err
		}
		chromiums, used = append(chromiums, b), "opened in "+version
	}
	code = m.Run()
	fmt.Println("report: the demo's page was", used)
	return code, nil
}

// view is a window, with what is expected of it.
type view struct {
	browser.View
	charts string // the class of the charts over time that are shown
}

var views = [...]view{
	{browser.View{Width: 360, Height: 640}, "narrow"},
	{browser.View{Width: 360, Height: 640, Dark: true}, "narrow"},
	{browser.View{Width: 800, Height: 600}, "medium"},
	{browser.View{Width: 1280, Height: 800}, "wide"},
	{browser.View{Width: 1280, Height: 800, Dark: true}, "wide"},
}

// inBrowsers opens every page in every view of every browser there is.
func inBrowsers(t *testing.T, check func(t *testing.T, p *browser.Page, v view)) {
	for name, r := range map[string]*report.Run{"sample": sample(), "lossy": lossy(), "empty": {}} {
		file := filepath.Join(t.TempDir(), "report.html")
		require.NoError(t, os.WriteFile(file, []byte(write(t, r)), 0o600))
		for _, b := range chromiums {
			for _, v := range views {
				t.Run(fmt.Sprintf("%s %d dark=%t", name, v.Width, v.Dark), func(t *testing.T) {
					p, err := b.Open("file://"+file, v.View)
					require.NoError(t, err)
					defer p.Close()
					check(t, p, v)
					require.Equal(t, []string{"file://" + file}, p.Requests(), "the page asks for itself only")
					require.Empty(t, p.Problems())
				})
			}
		}
	}
}

// Nothing is wider than the window, however narrow; what does not fit scrolls in
// its own box.
func TestBrowserNothingOverflows(t *testing.T) {
	inBrowsers(t, func(t *testing.T, p *browser.Page, v view) {
		var got struct {
			Width   int
			Outside []string
		}
		eval(t, p, `(() => {
			document.querySelectorAll('details').forEach(d => d.open = true)
			const outside = []
			for (const e of document.querySelectorAll('body *')) {
				if (e.closest('.scroll > *, svg > *, .hidden')) continue
				const r = e.getBoundingClientRect()
				if (r.left < 0 || r.right > innerWidth + .5) outside.push(e.outerHTML.slice(0, 80))
			}
			return {Width: document.documentElement.scrollWidth, Outside: outside}
		})()`, &got)
		require.LessOrEqual(t, got.Width, v.Width)
		require.Empty(t, got.Outside)
	})
}

// Of each chart over time one size is shown; every chart that is shown has room,
// its text can be read, and none of it is cut off.
func TestBrowserCharts(t *testing.T) {
	inBrowsers(t, func(t *testing.T, p *browser.Page, v view) {
		var charts []struct {
			Class, Label  string
			Width, Height float64
			Text          float64 // height of the letters in pixels
			Cut           []string
		}
		eval(t, p, `[...document.querySelectorAll('svg[role=img]')].filter(s => s.checkVisibility()).map(s => {
			const box = s.getBoundingClientRect(), cut = []
			for (const e of s.querySelectorAll('text, path, rect, line')) {
				const r = e.getBoundingClientRect()
				if (r.left < box.left - 1 || r.right > box.right + 1 || r.top < box.top - 1 || r.bottom > box.bottom + 1)
					cut.push(e.outerHTML)
			}
			const text = parseFloat(getComputedStyle(s.querySelector('text')).fontSize) * box.width / s.viewBox.baseVal.width
			return {Class: s.classList[0], Label: s.querySelector('title').textContent, Width: box.width, Height: box.height, Text: text, Cut: cut}
		})`, &charts)
		overTime := 0
		for _, c := range charts {
			require.GreaterOrEqual(t, c.Width, 250.0, c.Label)
			require.GreaterOrEqual(t, c.Height, 120.0, c.Label)
			require.GreaterOrEqual(t, c.Text, 8.5, c.Label)
			require.Empty(t, c.Cut, c.Label)
			if c.Class != "half" {
				require.Equal(t, v.charts, c.Class)
				overTime++
			}
		}
		require.Equal(t, 2, overTime)
	})
}

// Text stands out from what lies behind it as WCAG 2.1 AA asks: 4.5 to 1, 3 to 1
// where it is large.
func TestBrowserContrast(t *testing.T) {
	inBrowsers(t, func(t *testing.T, p *browser.Page, _ view) {
		var faint []string
		eval(t, p, `(() => {
			document.querySelectorAll('details').forEach(d => d.open = true)
			const rgb = c => c.match(/[\d.]+/g).map(Number)
			const light = c => {
				const [r, g, b] = rgb(c).map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
				return .2126 * r + .7152 * g + .0722 * b
			}
			const behind = e => {
				for (; e; e = e.parentElement) {
					const c = getComputedStyle(e).backgroundColor
					if (rgb(c)[3] !== 0) return c
				}
				return 'rgb(255, 255, 255)'
			}
			const faint = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
			for (let n; n = walk.nextNode();) {
				const e = n.parentElement, s = getComputedStyle(e)
				if (!n.data.trim() || !e.checkVisibility() || e.closest('style, title, desc, .hidden')) continue
				// The bands of a chart are drawn, not a background of the text on them.
				const band = e.matches('text.band') && getComputedStyle(e.closest('svg').querySelector('rect.band.even')).fill
				const a = light(e.closest('svg') ? s.fill : s.color), b = light(band || behind(e))
				const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05)
				const large = parseFloat(s.fontSize) >= 24 || parseFloat(s.fontSize) >= 18.66 && s.fontWeight >= 700
				if (ratio < (large ? 3 : 4.5)) faint.push(ratio.toFixed(2) + ' ' + n.data)
			}
			return faint
		})()`, &faint)
		require.Empty(t, faint)
	})
}

// The page is as light or as dark as the reader asked for, and what it shows is
// drawn: there are pixels of both series.
func TestBrowserPixels(t *testing.T) {
	inBrowsers(t, func(t *testing.T, p *browser.Page, v view) {
		if v.charts != "narrow" {
			return // one width will do: pictures take their time
		}
		var title string
		eval(t, p, `document.title`, &title)
		shot, err := p.Screenshot()
		require.NoError(t, err)
		decoded, err := png.Decode(bytes.NewReader(shot))
		require.NoError(t, err)
		picture, ok := decoded.(*image.RGBA)
		require.True(t, ok, "%T", decoded)
		require.Equal(t, v.Width, picture.Bounds().Dx())
		r, g, b, _ := picture.At(1, 1).RGBA()
		require.Equal(t, v.Dark, r+g+b < 3*0x8000, "the margin is light or dark")
		stored, read, bad := count(picture)
		if title == "fluent-bit-sls demo: passed" {
			require.Zero(t, bad, "no red where nothing is wrong")
		} else {
			require.Greater(t, bad, 300, "what failed is red")
		}
		var phases int
		eval(t, p, `document.querySelectorAll('rect.band').length`, &phases)
		if phases > 0 {
			require.Greater(t, stored, 500)
			require.Greater(t, read, 300)
		}
	})
}

// The checks above can fail: a page that asks for something, complains or breaks
// is seen to.
func TestBrowserSeesWhatIsWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "wrong.html")
	require.NoError(t, os.WriteFile(file, []byte(`<!doctype html><title>x</title>
		<img src="http://cdn.example.com/logo.png"><script>console.log("hello"); nothing()</script>`), 0o600))
	for _, b := range chromiums {
		p, err := b.Open("file://"+file, browser.View{Width: 360, Height: 640})
		require.NoError(t, err)
		defer p.Close()
		require.Equal(t, []string{"file://" + file, "http://cdn.example.com/logo.png"}, p.Requests())
		problems := strings.Join(p.Problems(), "\n")
		require.Contains(t, problems, "hello")
		require.Contains(t, problems, "nothing is not defined")
		require.Contains(t, problems, "ERR_NAME_NOT_RESOLVED")
		var v any
		require.ErrorContains(t, p.Eval("nothing()", &v), "nothing is not defined")
	}
}

// count counts the pixels in the colours of the series and of what failed.
func count(picture *image.RGBA) (stored, read, bad int) {
	// As style.css has them, light and dark.
	colours := map[[3]byte]*int{
		{0x1f, 0x63, 0xc6}: &stored, {0x6f, 0xb1, 0xff}: &stored, {0xb4, 0x53, 0x0a}: &read, {0xf2, 0xa3, 0x5c}: &read,
		{0xc0, 0x20, 0x2c}: &bad, {0xff, 0x80, 0x78}: &bad,
	}
	for pixel := range slices.Chunk(picture.Pix, 4) {
		if n := colours[[3]byte(pixel)]; n != nil {
			*n++
		}
	}
	return stored, read, bad
}

func eval(t *testing.T, p *browser.Page, script string, v any) {
	t.Helper()
	require.NoError(t, p.Eval(script, v))
}
