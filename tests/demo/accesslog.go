// Package demo owns what the demo ships and how it is cut into chunks: a
// generated access log, and the Fluent Bit chunks in_tail would make of a file
// where no real Fluent Bit runs. It never loads a plugin, speaks to SLS or
// judges what came back.
package demo

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"time"
)

// accessLogStart is the time of the first generated line. It is fixed, so that
// a seed gives the same bytes on every day.
var accessLogStart = time.Date(2026, time.March, 12, 8, 0, 0, 0, time.UTC)

// linesPerSecond is how fast the time in the generated lines advances.
const linesPerSecond = 400

// writeSize is from how many bytes on generated lines are handed to the writer.
const writeSize = 64 << 10

// WriteAccessLog writes lines of an access log to w, about 300 bytes each: the
// combined format of nginx followed by key=value fields of the request, the
// last of them seq, the number of the line from 1. The same lines and seed
// always give the same bytes; another seed gives other lines. Some values hold
// UTF-8 beyond ASCII, none holds a line break. It returns the bytes written.
func WriteAccessLog(w io.Writer, lines int, seed uint64) (int64, error) {
	var written int64
	g := newLineGenerator(seed)
	buf := make([]byte, 0, writeSize+4096)
	for seq := 1; seq <= lines; seq++ {
		buf = g.appendLine(buf, seq)
		if len(buf) < writeSize && seq < lines {
			continue
		}
		n, err := w.Write(buf)
		written += int64(n)
		if err != nil {
			return written, fmt.Errorf("write access log: %w", err)
		}
		buf = buf[:0]
	}
	return written, nil
}

// lineGenerator draws the fields of a line. It uses only Uint64 of the source,
// whose sequence is fixed by the algorithm and not by the Go release.
type lineGenerator struct {
	random *rand.PCG
	choices
}

type choices struct {
	methods, resources, referers, agents, cities []string
	statuses                                     []int
}

func newLineGenerator(seed uint64) *lineGenerator {
	return &lineGenerator{
		random: rand.NewPCG(seed, 0x5eed),
		choices: choices{
			// A value listed more than once is drawn more often.
			methods:   []string{"GET", "GET", "GET", "GET", "GET", "POST", "POST", "PUT", "DELETE"},
			resources: []string{"products", "orders", "carts", "users", "search", "invoices", "reviews"},
			statuses:  []int{200, 200, 200, 200, 200, 200, 200, 201, 204, 304, 301, 404, 403, 499, 502, 504},
			referers: []string{
				"-", "-", "https://shop.example.com/", "https://shop.example.com/cart",
				"https://www.example.org/search?q=blue+shoes&hl=en",
			},
			agents: []string{
				"Mozilla/5.0 (X11; Linux x86_64; rv:135.0) Gecko/20100101 Firefox/135.0",
				"Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) Safari/604.1",
				"Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/133.0.0.0 Safari/537.36",
				"curl/8.12.1", "Go-http-client/2.0", "kube-probe/1.32",
			},
			cities: []string{"Hangzhou", "Berlin", "Singapore", "杭州", "São Paulo", "Zürich", "-"},
		},
	}
}

// appendLine appends one line:
//
//	ADDR - USER [TIME] "METHOD PATH HTTP/2.0" STATUS BYTES "REFERER" "AGENT"
//	rt=S uct=S urt=S upstream=ADDR:PORT city="NAME" req_id=32HEX seq=N
func (g *lineGenerator) appendLine(dst []byte, seq int) []byte {
	status := g.statuses[g.below(len(g.statuses))]
	duration := g.duration()

	dst = g.appendAddress(dst, "203.0")
	dst = append(dst, " - - ["...)
	at := accessLogStart.Add(time.Duration(seq-1) * time.Second / linesPerSecond)
	dst = at.AppendFormat(dst, "02/Jan/2006:15:04:05 -0700")
	dst = append(dst, `] "`...)
	dst = append(dst, g.pick(g.methods)...)
	dst = g.appendPath(append(dst, ' '))
	dst = append(dst, ` HTTP/2.0" `...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = strconv.AppendInt(append(dst, ' '), int64(g.below(60000)), 10)
	dst = append(append(dst, ` "`...), g.pick(g.referers)...)
	dst = append(append(dst, `" "`...), g.pick(g.agents)...)
	dst = appendMillis(append(dst, `" rt=`...), duration)
	dst = appendMillis(append(dst, " uct="...), g.below(4))
	dst = appendMillis(append(dst, " urt="...), duration*9/10)
	dst = g.appendAddress(append(dst, " upstream="...), "10.42")
	dst = append(append(dst, `:8080 city="`...), g.pick(g.cities)...)
	dst = append(dst, `" req_id=`...)
	dst = appendHex(dst, g.random.Uint64())
	dst = appendHex(dst, g.random.Uint64())
	dst = strconv.AppendInt(append(dst, " seq="...), int64(seq), 10)
	return append(dst, '\n')
}

// appendPath appends a request path with an id, mostly with a query.
func (g *lineGenerator) appendPath(dst []byte) []byte {
	dst = append(append(dst, "/api/v1/"...), g.pick(g.resources)...)
	dst = strconv.AppendInt(append(dst, '/'), int64(g.below(1_000_000)), 10)
	switch g.below(4) {
	case 0:
		return dst
	case 1:
		return strconv.AppendInt(append(dst, "/items?fields=id,name,price&page="...), int64(g.below(50)), 10)
	default:
		return appendHex(append(dst, "?session="...), g.random.Uint64())
	}
}

// appendAddress appends an IPv4 address; prefix is its first half.
func (g *lineGenerator) appendAddress(dst []byte, prefix string) []byte {
	dst = append(dst, prefix...)
	dst = strconv.AppendInt(append(dst, '.'), int64(g.below(256)), 10)
	return strconv.AppendInt(append(dst, '.'), int64(1+g.below(254)), 10)
}

// duration returns milliseconds: mostly short, sometimes long.
func (g *lineGenerator) duration() int {
	if g.below(20) == 0 {
		return g.below(30_000)
	}
	return g.below(300)
}

func (g *lineGenerator) pick(of []string) string { return of[g.below(len(of))] }

// below returns a number in [0, n). The bias of the remainder does not matter
// here.
func (g *lineGenerator) below(n int) int { return int(g.random.Uint64() % uint64(n)) }

// appendMillis appends ms as seconds with three decimals.
func appendMillis(dst []byte, ms int) []byte {
	dst = strconv.AppendInt(dst, int64(ms/1000), 10)
	return append(dst, '.', byte('0'+ms/100%10), byte('0'+ms/10%10), byte('0'+ms%10))
}

// appendHex appends v as 16 hex digits.
func appendHex(dst []byte, v uint64) []byte {
	const digits = "0123456789abcdef"
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, digits[v>>shift&15])
	}
	return dst
}
