// Package record makes the records that outputs get, as the events of chunks. Each tells by
// itself which one it is and where it belongs. It shares no code with the plugins.
package record

import (
	"math/rand/v2"
	"strconv"
	"strings"

	"fluent-bit-sls/tests/campaign/plan"
	"fluent-bit-sls/tests/demo"
)

// A record's identity is its event time, so that one without contents has one, too: the
// number of its feed in seconds from FirstSecond, its number within the feed in nanoseconds.
// All others carry it in their first and last content as well. So a record that got a piece
// of another one shows.
const (
	FirstSecond = 1_700_000_000
	MaxPerFeed  = 1_000_000_000
	GroupStart  = 0xffff_ffff // seconds of OpenTelemetry's group markers
	GroupEnd    = 0xffff_fffe
)

// ID names a record for the whole campaign.
type ID struct {
	Feed, Seq uint32
}

// Text appends the identity as it stands in a content.
func (r ID) Text(dst []byte) []byte {
	dst = strconv.AppendUint(dst, uint64(r.Feed), 10)
	return strconv.AppendUint(append(dst, '.'), uint64(r.Seq), 10)
}

// template is what a record holds between its first and last content. pairs -1
// is a record without any content.
type template struct {
	Pairs int
	body  []byte
	App   string // what its field app says, see appOf
}

// Templates are what the records of a campaign look like. Which one a record has
// follows from its identity, so that the judge knows it without being told.
type Templates struct {
	seed uint64
	All  []template
}

// TemplateCount is how many templates there are.
const TemplateCount = 128

// NewTemplates makes those of the plan's seed.
func NewTemplates(c *plan.Plan) *Templates {
	t := &Templates{seed: c.Seed, All: make([]template, TemplateCount)}
	r := c.Stream("templates")
	for i := range t.All {
		t.All[i] = newTemplate(r, i)
	}
	return t
}

// Of is the number of the template of a record.
func (t *Templates) Of(id ID) int {
	return int(plan.Mix(t.seed^uint64(id.Feed)<<32^uint64(id.Seq)) % uint64(len(t.All)))
}

// newTemplate makes the ith of 128 templates: most are what agents ship all day,
// the rest is what breaks codecs.
func newTemplate(r *rand.Rand, i int) template {
	p := pairs{r: r}
	switch {
	case i < 1:
		return template{Pairs: -1}
	case i < 3:
		p.odd()
	case i < 6:
		p.scalars()
	case i < 9:
		p.binary()
	case i < 14:
		p.unicode()
	case i < 15:
		p.large()
	case i < 30:
		p.nested()
	case i < 60:
		p.str("log", p.words(3+r.IntN(20)))
	default:
		p.access()
	}
	app := appOf(i)
	p.str(AppField, app)
	return template{Pairs: p.n, body: p.b, App: app}
}

// pairs builds the body of a template.
type pairs struct {
	r *rand.Rand
	b []byte
	n int
}

// key begins a pair; what is appended to p.b next is its value.
func (p *pairs) key(k string) {
	p.b = demo.AppendString(p.b, k)
	p.n++
}

func (p *pairs) str(k, v string) {
	p.key(k)
	p.b = demo.AppendString(p.b, v)
}

func (p *pairs) words(n int) string {
	vocabulary := strings.Fields("request upstream timeout GET /index.html 10.1.2.3 user=42 error warn retry " +
		"connection closed by peer \"quoted\" back\\slash tab\there trace=5f2a status=200 latency=0.031")
	w := make([]string, n)
	for i := range w {
		w[i] = vocabulary[p.r.IntN(len(vocabulary))]
	}
	return strings.Join(w, " ")
}

func (p *pairs) access() {
	for _, k := range []string{"remote", "method", "path", "status", "agent", "request_time"}[:3+p.r.IntN(4)] {
		p.str(k, p.words(1+p.r.IntN(3)))
	}
}

func (p *pairs) nested() {
	p.str("log", p.words(6))
	p.key("kubernetes")
	p.b = AppendMapHead(p.b, 3)
	p.b = demo.AppendString(demo.AppendString(p.b, "namespace_name"), "default")
	p.b = demo.AppendString(demo.AppendString(p.b, "pod_name"), p.words(1))
	p.b = demo.AppendString(p.b, "labels")
	n := p.r.IntN(20)
	p.b = AppendMapHead(p.b, n)
	for i := range n {
		p.b = demo.AppendString(demo.AppendString(p.b, "app.kubernetes.io/l"+strconv.Itoa(i)), p.words(1))
	}
	p.key("list")
	n = p.r.IntN(40)
	p.b = appendArrayHead(p.b, n)
	for i := range n {
		p.b = appendInt(p.b, int64(i))
	}
}

// binary has bytes that are no UTF-8, as bin and as str.
func (p *pairs) binary() {
	raw := make([]byte, 1+p.r.IntN(400))
	for i := range raw {
		raw[i] = byte(p.r.Uint32())
	}
	p.key("bin")
	p.b = appendBin(p.b, raw)
	p.str("str", string(raw))
	p.str(string(raw[:1+p.r.IntN(min(20, len(raw)))]), "key of bytes")
}

func (p *pairs) unicode() {
	for _, v := range []string{"杭州", "naïve Ωmega", "👩‍👩‍👧", "\u0000nul", "e\u0301\u202e", "\ufeffbom"} {
		p.str(v, strings.Repeat(v, 1+p.r.IntN(30)))
	}
}

func (p *pairs) scalars() {
	p.key("nil")
	p.b = appendNil(p.b)
	p.key("true")
	p.b = appendBool(p.b, true)
	p.key("false")
	p.b = appendBool(p.b, false)
	p.key("int")
	p.b = appendInt(p.b, -p.r.Int64())
	p.key("float")
	p.b = appendFloat(p.b, p.r.NormFloat64()*1e9)
	p.key("time")
	p.b = appendEventTime(p.b, p.r.Uint32(), 5, false)
}

// odd has keys that are empty, repeated or no strings, more pairs than a short
// map holds, and a value nested deeper than JSON is followed.
func (p *pairs) odd() {
	p.str("", "empty key")
	p.str("twice", "a")
	p.str("twice", "b")
	p.b = demo.AppendString(appendInt(p.b, 7), "integer key")
	p.b = demo.AppendString(appendNil(p.b), "nil key")
	p.n += 2
	for i := range 20 + p.r.IntN(200) {
		p.str("k"+strconv.Itoa(i), "")
	}
	p.key("deep")
	for range 100 {
		p.b = appendArrayHead(p.b, 1)
	}
	p.b = demo.AppendString(p.b, "bottom")
}

func (p *pairs) large() {
	p.str("log", strings.Repeat(p.words(10), 100+p.r.IntN(300)))
}

// AppendRecord appends the map of a record.
func (t *Templates) AppendRecord(dst []byte, id ID) []byte {
	body := t.All[t.Of(id)]
	if body.Pairs < 0 {
		return AppendMapHead(dst, 0)
	}
	var buf [24]byte
	text := string(id.Text(buf[:0]))
	dst = demo.AppendString(demo.AppendString(AppendMapHead(dst, body.Pairs+2), "id"), text)
	return demo.AppendString(demo.AppendString(append(dst, body.body...), "end"), text)
}
