package report

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"time"
)

//go:embed page.html chart.html style.css
var sources embed.FS

// Write writes the page of r.
func Write(w io.Writer, r *Run) error {
	t, err := template.New("page.html").Funcs(template.FuncMap{
		"count": Count[int], "size": Size, "span": Span, "date": date, "seconds": seconds,
	}).ParseFS(sources, "*")
	if err == nil {
		err = t.Execute(w, r.page())
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func date(t time.Time) string { return t.Format("2006-01-02 15:04:05 MST") }

// seconds writes a time within the run.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + " s" }

// page is what the template shows.
type page struct {
	*Run
	Tiles      []tile
	Throughput []chart
	Progress   []chart
	Intervals  []interval
	Calls      []callView
	Shards     []shardView
}

// tile is a figure that stands out.
type tile struct{ Value, Name, Note string }

// interval is a row of the figures behind the charts over time.
type interval struct {
	From, To     time.Duration
	Stored, Read int
	StoredMB     float64
	ReadMB       float64
}

// callView is a call with what is worked out of its times.
type callView struct {
	Call
	Count              int
	Ratio              string // raw to wire
	P50, P90, P99, Max time.Duration
	MeanRaw            int64
	Chart              *chart // nil without requests
	Buckets            []bucket
}

// shardView is a shard with its part of all lines.
type shardView struct {
	Shard
	From, To string  // the range, cut to its first digits
	Percent  float64 // of the lines of the fullest shard
}

func (r *Run) page() page {
	p := page{Run: r}
	for _, s := range sizes() {
		p.Throughput = append(p.Throughput, r.throughputChart(s))
		p.Progress = append(p.Progress, r.progressChart(s))
	}
	p.Intervals = r.intervals()
	for i, c := range r.Calls {
		p.Calls = append(p.Calls, c.view(i))
	}
	most := 1
	for _, s := range r.Shards {
		most = max(most, s.Stored)
	}
	for _, s := range r.Shards {
		p.Shards = append(p.Shards, shardView{
			Shard: s, From: cut(s.Begin), To: cut(s.End), Percent: round(100 * float64(s.Stored) / float64(most)),
		})
	}
	p.Tiles = p.tiles()
	return p
}

// cut shortens a hash key: where ranges are told apart by their first digits
// the rest is noise.
func cut(key string) string {
	if len(key) <= 8 {
		return key
	}
	return key[:8] + "…"
}

func (p *page) tiles() []tile {
	tiles := []tile{{
		Count(p.ReadBack), "lines read back",
		fmt.Sprintf("of %s shipped, %s", Count(p.Lines), Size(p.Bytes)),
	}}
	for _, sp := range p.Speeds {
		tiles = append(tiles, tile{
			fmt.Sprintf("%.1f MB/s", Rate(int64(float64(sp.Lines)*p.meanLine()), sp.Took)), sp.Name,
			fmt.Sprintf("%s lines in %s, the start included", Count(sp.Lines), Span(sp.Took)),
		})
	}
	for _, c := range p.Calls {
		if c.Count > 0 && c.Raw > 0 {
			tiles = append(tiles, tile{Span(c.P99), "99 in 100 " + c.Name, fmt.Sprintf("half of them within %s", Span(c.P50))})
		}
	}
	return tiles
}

// intervals are at most 20 rows.
func (r *Run) intervals() []interval {
	w := bin(r.Took, 20)
	var out []interval
	stored, read := sums(r.Stored, w, r.Took), sums(r.Read, w, r.Took)
	for i := range stored {
		from, to := w*time.Duration(i), min(r.Took, w*time.Duration(i+1))
		out = append(out, interval{
			From: from, To: to, Stored: stored[i], Read: read[i],
			StoredMB: float64(stored[i]) * r.meanLine() / 1e6, ReadMB: float64(read[i]) * r.meanLine() / 1e6,
		})
	}
	return out
}

func (c Call) view(i int) callView {
	took := slices.Sorted(slices.Values(c.Took))
	v := callView{Call: c, Count: len(took), Buckets: histogram(took)}
	v.P50, v.P90, v.P99, v.Max = quantile(took, .5), quantile(took, .9), quantile(took, .99), quantile(took, 1)
	if c.Wire > 0 {
		v.Ratio = strconv.FormatFloat(float64(c.Raw)/float64(c.Wire), 'f', 2, 64) + " : 1"
	}
	if len(took) > 0 {
		v.MeanRaw = c.Raw / int64(len(took))
		ch := latencyChart("latency-"+strconv.Itoa(i), c.Name, took)
		v.Chart = &ch
	}
	return v
}
