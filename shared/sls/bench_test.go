package sls

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// instant answers 200 after reading the request, without a network.
type instant struct{}

func (instant) RoundTrip(r *http.Request) (*http.Response, error) {
	_, err := io.Copy(io.Discard, r.Body)
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: r}, err
}

// What PutLogs costs above the network: signing, mostly.
func BenchmarkPutLogs(b *testing.B) {
	for _, version := range []string{SignV1, SignV4} {
		for _, size := range []int{1 << 10, 256 << 10} {
			b.Run(version+"/"+strconv.Itoa(size>>10)+"KiB", func(b *testing.B) {
				c := newClient(b, "cn-hangzhou.log.aliyuncs.com", func(cfg *Config) {
					cfg.Transport, cfg.SignVersion, cfg.Region = instant{}, version, testRegion
				})
				body := Body{Data: bytes.Repeat([]byte("x"), size), RawSize: 4 * size, Codec: LZ4}
				l := c.Logstore("proj", "store")
				b.ReportAllocs()
				b.SetBytes(int64(size))
				for b.Loop() {
					if err := l.PutLogs(b.Context(), body, ""); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkCodec(b *testing.B) {
	src := []byte(strings.Repeat("192.0.2.7 - - [21/Nov/2026:02:51:00 +0000] \"GET /index.html HTTP/1.1\" 200 2326\n", 6500))
	for _, codec := range []Codec{LZ4, ZSTD} {
		packed := Compress(codec, nil, src)
		b.Run("compress/"+string(codec), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(src)))
			dst := make([]byte, 0, 2*len(src))
			for b.Loop() {
				dst = Compress(codec, dst[:0], src)
			}
		})
		b.Run("decompress/"+string(codec), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(src)))
			dst := make([]byte, 0, len(src))
			for b.Loop() {
				if _, err := Decompress(codec, dst, packed, len(src)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// One batch of a hundred groups of 10 KB, compressed into one buffer.
func BenchmarkAppendPackage(b *testing.B) {
	group := []byte(strings.Repeat("192.0.2.7 - - [21/Nov/2026:02:51:00 +0000] \"GET /index.html HTTP/1.1\" 200 2326\n", 125))
	for _, codec := range []Codec{LZ4, ZSTD} {
		b.Run(string(codec), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(100 * len(group)))
			dst := make([]byte, 0, 100*PackageBound(len(group)))
			for b.Loop() {
				dst = dst[:0]
				for range 100 {
					dst = AppendPackage(dst, codec, group)
				}
			}
		})
	}
}
