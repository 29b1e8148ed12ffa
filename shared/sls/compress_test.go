package sls

import (
	"bytes"
	"crypto/rand"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/require"
)

func samples(t testing.TB) map[string][]byte {
	noise := make([]byte, 300_000)
	_, err := rand.Read(noise)
	require.NoError(t, err)
	all := map[string][]byte{
		"empty": {}, "one": {7}, "text": []byte(strings.Repeat("GET /index.html 200\n", 5000)),
		"zeros": make([]byte, 3<<20), "noise": noise,
	}
	for _, n := range []int{2, 14, 15, 16, 269, 270, 271, 70_000} {
		all["noise"+string(rune('a'+n%26))] = noise[:n]
	}
	return all
}

// What Compress writes the SDK's decoders read, and Decompress too; both append.
func TestCompressRoundTrip(t *testing.T) {
	for name, src := range samples(t) {
		for _, c := range []Codec{LZ4, ZSTD, None, ""} {
			packed := Compress(c, []byte("before"), src)
			require.Equal(t, "before", string(packed[:6]))
			packed = packed[6:]
			got, err := Decompress(c, []byte("head"), packed, len(src))
			require.NoError(t, err, "%s %s", name, c)
			require.Equal(t, "head", string(got[:4]))
			require.True(t, bytes.Equal(src, got[4:]), "%s %s", name, c)
			// In place, when there is room.
			room := make([]byte, 2, 2+len(src))
			got, err = Decompress(c, room, packed, len(src))
			require.NoError(t, err)
			if len(src) > 0 {
				require.Same(t, &room[:3][2], &got[2])
			}
			if c == LZ4 && len(src) > 0 {
				dst := make([]byte, len(src)) // the SDK: log_store.go, PullLogs
				n, err := lz4.UncompressBlock(packed, dst)
				require.NoError(t, err)
				require.Equal(t, len(src), n)
				require.LessOrEqual(t, len(packed), lz4.CompressBlockBound(len(src)))
			}
			if c == ZSTD {
				dec, err := zstd.NewReader(nil)
				require.NoError(t, err)
				dst, err := dec.DecodeAll(packed, nil)
				require.NoError(t, err)
				require.True(t, bytes.Equal(src, dst))
				dec.Close()
			}
		}
	}
}

func TestAppendLiterals(t *testing.T) {
	for name, src := range samples(t) {
		if len(src) == 0 {
			continue
		}
		got, err := Decompress(LZ4, nil, appendLiterals(nil, src), len(src))
		require.NoError(t, err, name)
		require.True(t, bytes.Equal(src, got), name)
	}
}

func TestDecompressRefuses(t *testing.T) {
	src := []byte(strings.Repeat("a log line ", 1000))
	for _, c := range []Codec{LZ4, ZSTD, None} {
		packed := Compress(c, nil, src)
		for _, size := range []int{len(src) - 1, len(src) + 1, 0, -1, -1 << 62, 1 << 62, MaxRawSize + 1} {
			dst := []byte("kept")
			got, err := Decompress(c, dst, packed, size)
			require.Error(t, err, "%s %d", c, size)
			require.Equal(t, "kept", string(got))
		}
		for _, cut := range []int{0, 1, len(packed) / 2, len(packed) - 1} {
			_, err := Decompress(c, nil, packed[:cut], len(src))
			require.Error(t, err)
		}
	}
	_, err := Decompress("snappy", nil, src, len(src))
	require.ErrorContains(t, err, "snappy")
}

// A size no input of that length can reach is refused before it is allocated.
func TestDecompressAllocatesNothingForImpossibleSizes(t *testing.T) {
	for _, c := range []Codec{LZ4, ZSTD} {
		packed := Compress(c, nil, []byte("tiny"))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decompress(c, nil, packed, MaxRawSize)
		runtime.ReadMemStats(&after)
		require.ErrorIs(t, err, errRawSize)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
	}
	require.NoError(t, checkRawSize(LZ4, 0, 0))
	require.Error(t, checkRawSize(LZ4, 10, 2551))
	require.Error(t, checkRawSize(ZSTD, 1<<40, MaxRawSize+1))
}

// The shared codecs work in synctest bubbles, in several, and outside again.
func TestCompressInBubbles(t *testing.T) {
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			for _, c := range []Codec{LZ4, ZSTD} {
				var wg sync.WaitGroup
				for range 8 {
					wg.Go(func() {
						src := []byte(strings.Repeat("x", 100_000))
						got, err := Decompress(c, nil, Compress(c, nil, src), len(src))
						if err != nil || !bytes.Equal(got, src) {
							t.Error(err)
						}
					})
				}
				wg.Wait()
			}
		})
	}
	_, err := Decompress(ZSTD, nil, Compress(ZSTD, nil, []byte("x")), 1)
	require.NoError(t, err)
}

func FuzzDecompress(f *testing.F) {
	for _, c := range []Codec{LZ4, ZSTD, None} {
		for _, s := range []string{"", "a", strings.Repeat("abc", 100)} {
			f.Add(string(c), Compress(c, nil, []byte(s)), len(s))
		}
	}
	f.Fuzz(func(t *testing.T, codec string, src []byte, rawSize int) {
		if rawSize > 16<<20 {
			rawSize %= 16 << 20 // keeps a fuzzing machine's memory in bounds
		}
		got, err := Decompress(Codec(codec), []byte("head"), src, rawSize)
		require.Equal(t, "head", string(got[:4]))
		if err != nil {
			require.Len(t, got, 4)
			return
		}
		require.Len(t, got, 4+rawSize)
		again, err := Decompress(Codec(codec), nil, Compress(Codec(codec), nil, got[4:]), rawSize)
		require.NoError(t, err)
		require.True(t, bytes.Equal(got[4:], again))
	})
}

// A pooled hash table still holds the positions of the block before: whatever that
// was, a block comes back as it went in.
func FuzzCompressAfterAnother(f *testing.F) {
	for _, b := range samples(f) {
		b = b[:min(len(b), 2000)]
		f.Add(b, bytes.Repeat(b, 2))
	}
	f.Fuzz(func(t *testing.T, before, b []byte) {
		for _, codec := range []Codec{LZ4, ZSTD} {
			Compress(codec, nil, before)
			packed := Compress(codec, nil, b)
			got, err := Decompress(codec, nil, packed, len(b))
			require.NoError(t, err)
			require.True(t, bytes.Equal(b, got), "%s", codec)
		}
	})
}

// What does not fit is said so, whatever the room is, and what fits is the same.
func TestTryCompress(t *testing.T) {
	random := make([]byte, 20_000)
	_, _ = rand.Read(random)
	for name, src := range map[string][]byte{
		"none": nil, "one": {1}, "text": bytes.Repeat([]byte("a line of a log\n"), 1000), "random": random,
		"half": append(bytes.Repeat([]byte("x"), 10_000), random...),
	} {
		for _, codec := range []Codec{LZ4, ZSTD, None} {
			fitted := false
			for room := 0; room <= len(src)+200; room += 1 + room/7 {
				dst := append(make([]byte, 0, room+3), "abc"...)
				out, ok := TryCompress(codec, dst, src)
				require.False(t, fitted && !ok && codec != LZ4, "%s %s fits in less than %d", name, codec, room)
				if !ok {
					continue
				}
				fitted = true
				require.Equal(t, "abc", string(out[:3]))
				require.LessOrEqual(t, len(out), room+3)
				raw, err := Decompress(codec, nil, out[3:], len(src))
				require.NoError(t, err)
				require.True(t, bytes.Equal(src, raw))
			}
			_, ok := TryCompress(codec, make([]byte, 0, CompressBound(len(src))+zstdFrame), src)
			require.True(t, ok, "%s %s", name, codec)
		}
	}
}
