package flb

import (
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"fluent-bit-sls/shared/metric"
)

// maxLineBytes keeps a line of metrics below what the engine cuts a message to
// (4,096 bytes with its header, src/flb_log.c).
const maxLineBytes = 3000

// metricLines writes what has changed since the last line as one line of totals:
// "metrics requests_total{app,ok}=12 shards_held=3".
type metricLines struct {
	log     *slog.Logger
	lines   int // written so far
	written map[reading]written
	pending []pending // of this snapshot, in its order
}

// reading names one number of a snapshot: a histogram has two.
type reading struct {
	family *metric.Family
	index  int
	suffix string
}

// written is when a reading was in a line, and with what value.
type written struct {
	value float64
	line  int
}

// pending is a reading that has changed, as "key=text".
type pending struct {
	reading
	key, text string
	value     float64
}

func (p *pending) size() int { return len(p.key) + len(p.text) + len(" =") }

func newMetricLines(log *slog.Logger) *metricLines {
	return &metricLines{log: log, written: map[reading]written{}}
}

func (m *metricLines) interval() time.Duration { return logInterval }

func (m *metricLines) write(f *metric.Family, s *metric.Sample) {
	if f.Kind != metric.KindHistogram {
		m.read(f, s, "", s.Value)
		return
	}
	m.read(f, s, "_count", float64(s.Count()))
	m.read(f, s, "_sum", s.Sum)
}

func (m *metricLines) read(f *metric.Family, s *metric.Sample, suffix string, v float64) {
	v = math.Round(v*1000) / 1000
	r := reading{f, s.Index, suffix}
	if m.written[r].value == v {
		return
	}
	key := f.Name + suffix
	if len(s.Labels) > 0 {
		key += "{" + strings.Join(s.Labels, ",") + "}"
	}
	m.pending = append(m.pending, pending{r, plainKey(key), strconv.FormatFloat(v, 'f', -1, 64), v})
}

// flush writes the line. When not everything fits, it takes what has been in no line for
// longest, and counts the rest.
func (m *metricLines) flush() {
	if len(m.pending) == 0 {
		return
	}
	size := 0
	for i := range m.pending {
		size += m.pending[i].size()
	}
	if size > maxLineBytes {
		slices.SortStableFunc(m.pending, func(a, b pending) int {
			return m.written[a.reading].line - m.written[b.reading].line
		})
	}
	m.lines++
	var attrs []any
	left := maxLineBytes
	for i, p := range m.pending {
		if left -= p.size(); left < 0 {
			attrs = append(attrs, "more", len(m.pending)-i)
			break
		}
		attrs = append(attrs, p.key, p.text)
		m.written[p.reading] = written{p.value, m.lines}
	}
	m.pending = m.pending[:0]
	m.log.Info("metrics", attrs...)
}

func (m *metricLines) free() {}

// plainKey keeps a label value from breaking up key=value.
func plainKey(key string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" =\"\n", r) {
			return '_'
		}
		return r
	}, key)
}
