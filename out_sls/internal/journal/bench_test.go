package journal

import (
	"log/slog"
	"testing"
)

func BenchmarkIdentify2MB(b *testing.B) {
	chunk := make([]byte, 2<<20)
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	for b.Loop() {
		Identify("kube.app", chunk)
	}
}

// What a flush of one segment costs beside its hash, with one chunk for each list of the
// mappings.
func BenchmarkChunk(b *testing.B) {
	for name, slow := range map[string]bool{"query": false, "list": true} {
		b.Run(name, func(b *testing.B) {
			f := &folder{t: b, path: b.TempDir()}
			j := New(Config{Folder: f.path, Name: "sls.0", Size: 16 << 20}, slog.New(slog.DiscardHandler))
			defer j.Close()
			j.origins.slow.Store(slow)
			chunk := f.chunk("records", before())
			var n [8]byte
			b.ReportAllocs()
			for b.Loop() {
				for i := range n {
					if n[i]++; n[i] != 0 {
						break
					}
				}
				c := j.Begin(Identify("kube.app", n[:]), chunk, nil)
				c.Cut(1)
				if err := j.Accept([]Accepted{{Chunk: c, Spans: []Span{all}, Settled: true}}); err != nil {
					b.Fatal(err)
				}
				c.Leave()
			}
		})
	}
}
