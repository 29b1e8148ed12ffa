package main

import (
	"math/rand/v2"
	"strconv"
	"strings"

	"fluent-bit-sls/tests/demo"
)

// A record's identity is its event time: the feed it belongs to is counted in
// seconds from firstSecond, its number within the feed in nanoseconds. So a
// record with no contents has one, too. All others carry it in their first and
// their last content as well: a record that got a piece of another one shows.
const (
	firstSecond = 1_700_000_000
	maxPerFeed  = 1_000_000_000
	groupStart  = 0xffff_ffff // seconds of OpenTelemetry's group markers
	groupEnd    = 0xffff_fffe
)

// recordID names a record for the whole campaign.
type recordID struct {
	feed, seq uint32
}

func (r recordID) text(dst []byte) []byte {
	dst = strconv.AppendUint(dst, uint64(r.feed), 10)
	return strconv.AppendUint(append(dst, '.'), uint64(r.seq), 10)
}

// template is what a record holds between its first and last content. pairs -1
// is a record without any content.
type template struct {
	pairs int
	body  []byte
	app   string // what its field app says, see appOf
}

// templates are what the records of a campaign look like. Which one a record has
// follows from its identity, so that the checker knows it without being told.
type templates struct {
	seed uint64
	all  []template
}

const templateCount = 128

func newTemplates(c *config) *templates {
	t := &templates{seed: c.seed, all: make([]template, templateCount)}
	r := c.stream("templates")
	for i := range t.all {
		t.all[i] = newTemplate(r, i)
	}
	return t
}

func (t *templates) of(id recordID) int {
	return int(mix(t.seed^uint64(id.feed)<<32^uint64(id.seq)) % uint64(len(t.all)))
}

// newTemplate makes the ith of 128 templates: most are what agents ship all day,
// the rest is what breaks codecs.
func newTemplate(r *rand.Rand, i int) template {
	p := pairs{r: r}
	switch {
	case i < 1:
		return template{pairs: -1}
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
	p.str(appField, app)
	return template{pairs: p.n, body: p.b, app: app}
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
	p.b = appendMapHead(p.b, 3)
	p.b = demo.AppendString(demo.AppendString(p.b, "namespace_name"), "default")
	p.b = demo.AppendString(demo.AppendString(p.b, "pod_name"), p.words(1))
	p.b = demo.AppendString(p.b, "labels")
	n := p.r.IntN(20)
	p.b = appendMapHead(p.b, n)
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

// appendRecord appends the map of a record.
func (t *templates) appendRecord(dst []byte, id recordID) []byte {
	body := t.all[t.of(id)]
	if body.pairs < 0 {
		return appendMapHead(dst, 0)
	}
	var buf [24]byte
	text := string(id.text(buf[:0]))
	dst = demo.AppendString(demo.AppendString(appendMapHead(dst, body.pairs+2), "id"), text)
	return demo.AppendString(demo.AppendString(append(dst, body.body...), "end"), text)
}
