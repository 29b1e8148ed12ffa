package report_test

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/demo/report"
)

// element is a start tag of a page.
type element struct {
	name  string
	attrs map[string]string
	text  string // that follows it directly
}

func write(t *testing.T, r *report.Run) string {
	var b strings.Builder
	require.NoError(t, report.Write(&b, r))
	return b.String()
}

// requireHas is require.Contains without the page in the message.
func requireHas(t *testing.T, page, text string) {
	t.Helper()
	require.True(t, strings.Contains(page, text), "the page lacks %s", text)
}

// parse checks that every element is closed and returns them all.
func parse(t *testing.T, page string) []element {
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var out []element
	var open []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			require.Empty(t, open, "not closed")
			return out
		}
		require.NoError(t, err)
		switch v := token.(type) {
		case xml.StartElement:
			e := element{name: v.Name.Local, attrs: map[string]string{}}
			for _, a := range v.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			out, open = append(out, e), append(open, e.name)
		case xml.EndElement:
			require.Equal(t, open[len(open)-1], v.Name.Local)
			open = open[:len(open)-1]
		case xml.CharData:
			if len(out) > 0 {
				out[len(out)-1].text += string(v)
			}
		}
	}
}

func runs() map[string]*report.Run {
	return map[string]*report.Run{
		"sample": sample(), "lossy": lossy(), "empty": {},
		"one line": {Lines: 1, Bytes: 1, ReadBack: 1, Took: 1, Stored: []report.Arrival{{Lines: 1}}, Read: []report.Arrival{{At: time.Hour, Lines: 1}}},
		"large": {
			Lines: 2e9, Bytes: 6e11, Took: 5 * time.Hour, Stored: []report.Arrival{{At: time.Hour, Lines: 2e9}},
			Phases: []report.Phase{{Name: "ship", To: 9 * time.Hour}},
			Calls:  []report.Call{{Name: "PutLogs", Wire: 1e12, Raw: 4e12, Took: []time.Duration{1, time.Microsecond, time.Hour}}},
		},
	}
}

// Whatever the figures: well-formed, ids unique and found, every image named,
// numbers that are numbers.
func TestPageStructure(t *testing.T) {
	for name, r := range runs() {
		t.Run(name, func(t *testing.T) {
			page := write(t, r)
			require.NotRegexp(t, `NaN|Inf|ZgotmplZ|%!`, page)
			ids, images := map[string]string{}, 0
			elements := parse(t, page)
			for _, e := range elements {
				if id := e.attrs["id"]; id != "" {
					require.NotContains(t, ids, id)
					ids[id] = e.text
				}
			}
			for _, e := range elements {
				for id := range strings.FieldsSeq(e.attrs["aria-labelledby"]) {
					require.NotEmpty(t, strings.TrimSpace(ids[id]), "%s is named by %q", e.name, id)
				}
				if e.name == "svg" && e.attrs["aria-hidden"] == "" {
					images++
					require.Equal(t, "img", e.attrs["role"])
					require.Len(t, strings.Fields(e.attrs["aria-labelledby"]), 2, "title and description")
				}
				for _, a := range []string{"x", "y", "width", "height", "x1", "x2", "y1", "y2"} {
					if v := e.attrs[a]; v != "" && e.name != "meta" {
						require.Regexp(t, `^\d+(\.\d+)?$`, v, "%s of %s", a, e.name)
					}
				}
			}
			require.GreaterOrEqual(t, images, 6, "two charts in three sizes")
			require.Equal(t, "en", elements[0].attrs["lang"])
		})
	}
}

// The page asks for nothing and runs nothing.
func TestPageStandsAlone(t *testing.T) {
	page := write(t, lossy())
	for _, e := range parse(t, page) {
		require.NotContains(t, []string{"script", "iframe", "img", "object", "embed", "base", "form", "use", "image"}, e.name)
		for name, value := range e.attrs {
			require.False(t, strings.HasPrefix(name, "on"), "%s of %s", name, e.name)
			if name == "href" || name == "src" {
				require.Equal(t, "data:,", value, "only the icon, which is empty")
			}
		}
	}
	require.NotRegexp(t, `url\(|@import|@font-face`, page)
	requireHas(t, page, `content="default-src 'none'; style-src 'unsafe-inline';`)
}

func TestPageTellsTheFigures(t *testing.T) {
	page := write(t, sample())
	require.True(t, sample().OK())
	for _, text := range []string{
		"demo: shipped 100000, read back 100000, lost 0, duplicated 0 (host: fluent-bit 5.1.1)",
		"Passed: nothing was lost, nothing came twice", `class="verdict good"`, "2026-03-12 08:00:00 UTC",
		"50.8 MB/s", "11.3 MB/s", "2.94 : 1", "access_key_secret", "***", "at the end", "PullLogs with data",
		`<code title="40000000000000000000000000000000 to 80000000000000000000000000000000">40000000… – 80000000…</code>`,
	} {
		requireHas(t, page, text)
	}
	for _, text := range []string{`class="bad"`, ">failed<", "not reached", "behind", "before its time"} {
		require.False(t, strings.Contains(page, text), "the page says %s", text)
	}
	require.Len(t, regexp.MustCompile(`>passed<`).FindAllString(page, -1), 4)
}

// Lost logs stand at the top, in red, and fail the run.
func TestPageOfALoss(t *testing.T) {
	page := write(t, lossy())
	require.False(t, lossy().OK())
	for _, text := range []string{
		`class="verdict bad"`, "Lost 3, duplicated 1.", "lost 3, duplicated 1 (host:", ">failed<", ">not reached<",
		"3 logs are missing.", "behind", `<td class="bad">23,330</td>`, "&lt;b&gt;no &amp; such&lt;/b&gt;",
	} {
		requireHas(t, page, text)
	}
	require.False(t, strings.Contains(page, "nothing was lost"))
}

// One thing that is not right is enough.
func TestOK(t *testing.T) {
	require.False(t, (&report.Run{}).OK(), "nothing was checked")
	for name, spoil := range map[string]func(*report.Run){
		"lost":        func(r *report.Run) { r.Lost = 1 },
		"duplicated":  func(r *report.Run) { r.Duplicated = 1 },
		"error":       func(r *report.Run) { r.Error = "x" },
		"failed":      func(r *report.Run) { r.Checks[0].Outcome = report.OutcomeFailed },
		"not reached": func(r *report.Run) { r.Checks[3].Outcome = report.OutcomeOpen },
	} {
		r := sample()
		spoil(r)
		require.False(t, r.OK(), name)
		requireHas(t, write(t, r), `class="verdict bad"`)
	}
}

func TestFormats(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", -1000: "-1,000", -999: "-999", 1234567: "1,234,567"} {
		require.Equal(t, want, report.Count(n))
	}
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1 kB", 731_400: "731 kB", 999_600: "1.0 MB", 30_500_000: "30.5 MB", 450e6: "450 MB", 1.5e9: "1.50 GB",
	} {
		require.Equal(t, want, report.Size(n))
	}
	for d, want := range map[time.Duration]string{
		0: "0 ns", 800: "800 ns", 1500: "1.5 µs", 999_400: "999 µs", 999_600: "1.0 ms", 9100 * time.Microsecond: "9.1 ms",
		50 * time.Millisecond: "50 ms", 2700 * time.Millisecond: "2.70 s",
	} {
		require.Equal(t, want, report.Span(d))
	}
	require.InDelta(t, 50.0, report.Rate(25e6, time.Second/2), 1e-9)
	require.Zero(t, report.Rate(1, 0))
}
