package sls

import (
	"crypto/rand"
	"math"
	"net/http"
	"strings"
	"testing"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// changed sends every request with another query than was signed.
type changed struct {
	http.RoundTripper
	change func(query string) string
}

func (c changed) RoundTrip(r *http.Request) (*http.Response, error) {
	r.URL.RawQuery = c.change(r.URL.RawQuery)
	return c.RoundTripper.RoundTrip(r)
}

// The emulator gets the processor on both routes, and refuses one that was not signed.
func TestProcessorIsSentAndSigned(t *testing.T) {
	const name, key = "mask-pii & 日志", "ffffffffffffffffffffffffffffffff"
	for _, version := range []string{SignV1, SignV4} {
		for _, hashKey := range []string{"", key} {
			fake := newFake(t)
			raw := encodeGroup(t, "v")
			b := Body{Data: raw, RawSize: len(raw), Codec: None, Processor: name}
			require.NoError(t, fakeClient(t, fake, version).Logstore("proj", "store").PutLogs(t.Context(), b, hashKey))
			for g := range fake.Groups("proj", "store") {
				require.Equal(t, name, g.Processor)
				require.Equal(t, hashKey, g.HashKey)
			}
			for what, change := range map[string]func(string) string{
				"another": func(q string) string { return strings.Replace(q, "mask", "keep", 1) },
				"none": func(q string) string {
					rest, _, _ := strings.Cut(q, "processor=")
					return strings.TrimSuffix(rest, "&")
				},
			} {
				c := newClient(t, "http://sls.test", func(cfg *Config) {
					cfg.Transport = changed{fake.Transport(), change}
					cfg.SignVersion, cfg.Region = version, testRegion
				})
				e := requireError(t, c.Logstore("proj", "store").PutLogs(t.Context(), b, hashKey))
				require.Equal(t, "SignatureNotMatch", e.Code, "%s %s", version, what)
			}
			require.Equal(t, 1, fake.LogCount("proj", "store"))
		}
	}
}

// The emulator takes a number once, of its key, whatever the signature.
func TestSequenceIDIsSentAndSigned(t *testing.T) {
	const key = "8000000000000000000000000000000f"
	for _, version := range []string{SignV1, SignV4} {
		fake := newFake(t)
		l := fakeClient(t, fake, version).Logstore("proj", "store")
		raw := encodeGroup(t, "v")
		b := Body{Data: raw, RawSize: len(raw), Codec: None, Processor: "p", SequenceID: math.MaxUint64 - 1}
		require.NoError(t, l.PutLogs(t.Context(), b, key))
		for g := range fake.Groups("proj", "store") {
			require.Equal(t, []any{key, b.SequenceID, "p"}, []any{g.HashKey, g.SequenceID, g.Processor})
		}
		e := requireError(t, l.PutLogs(t.Context(), b, key))
		require.True(t, IsCode(e, "InvalidSequenceId"))
		require.Equal(t, ClassConflict, e.Class)
		require.False(t, e.Ambiguous)
		require.Len(t, fake.RefusedSequences("proj", "store"), 1)
		b.SequenceID++
		require.NoError(t, l.PutLogs(t.Context(), b, key))
		require.Equal(t, 2, fake.LogCount("proj", "store"))

		e = requireError(t, l.PutLogs(t.Context(), b, ""))
		require.Equal(t, ClassPermanent, e.Class)
		require.Contains(t, e.Error(), "put logs to proj/store: a sequence number without a hash key")
	}
}

func TestBatchIsSentAndSigned(t *testing.T) {
	for _, version := range []string{SignV1, SignV4} {
		for _, codec := range []Codec{LZ4, ZSTD, None} {
			fake := newFake(t)
			l := fakeClient(t, fake, version).Logstore("proj", "store")
			require.NoError(t, l.PutBatch(t.Context(), nil, codec))
			var groups [][]byte
			packages := []byte("what stands before")
			start := len(packages)
			for _, n := range []int{0, 1, 100, 127, 128, 5000, 20_000, 1 << 20} {
				for _, value := range []string{strings.Repeat("v", n), rand.Text() + strings.Repeat(rand.Text(), n/40)} {
					groups = append(groups, encodeGroup(t, value))
					size := len(packages)
					packages = AppendPackage(packages, codec, groups[len(groups)-1])
					require.LessOrEqual(t, len(packages)-size, PackageBound(len(groups[len(groups)-1])))
				}
			}
			require.Equal(t, "what stands before", string(packages[:start]))
			require.NoError(t, l.PutBatch(t.Context(), packages[start:], codec))
			var stored [][]byte
			for g := range fake.Groups("proj", "store") {
				stored = append(stored, g.Data)
			}
			require.Equal(t, groups, stored)
			require.Equal(t, 1, fake.Stats().Ops[slsfake.OpPutLogs].Requests)

			fake.SetGroupBatches(false)
			require.Equal(t, ClassSplit, requireError(t, l.PutBatch(t.Context(), packages[start:], codec)).Class)
		}
	}
}

// A package has the bytes that the SDK's generated code makes. Every length is written in
// as few bytes as possible, of data that shrinks and of data that does not.
func TestPackages(t *testing.T) {
	for _, codec := range []Codec{LZ4, ZSTD, None, ""} {
		require.Empty(t, AppendPackage(nil, codec, nil))
		for n := 1; n < 1<<18; n += 1 + n/2 {
			noise := make([]byte, n)
			_, _ = rand.Read(noise)
			for _, group := range [][]byte{make([]byte, n), noise} {
				b := AppendPackage(nil, codec, group)
				var list sdk.SlsLogPackageList
				require.NoError(t, proto.Unmarshal(b, &list))
				require.Len(t, list.Packages, 1)
				p := list.Packages[0]
				number := map[Codec]byte{LZ4: 2, ZSTD: 3}[codec]
				require.Equal(t, []byte{0x18, number}, p.XXX_unrecognized) // which the SDK does not know
				back, err := Decompress(codec, nil, p.Data, int(p.GetUncompressSize()))
				require.NoError(t, err)
				require.Equal(t, group, back)
				shortest, err := proto.Marshal(&list)
				require.NoError(t, err)
				require.Equal(t, shortest, b)
			}
		}
	}
}

// A batch of small groups needs no memory of its own. The race detector lets the pools
// of the codecs forget a quarter of what they hold.
func TestPackagesDoNotAllocate(t *testing.T) {
	group := []byte(strings.Repeat("GET /index.html 200 ", 500))
	for _, codec := range []Codec{LZ4, ZSTD, None} {
		dst := make([]byte, 0, 100*PackageBound(len(group)))
		allocs := testing.AllocsPerRun(20, func() {
			dst = dst[:0]
			for range 100 {
				dst = AppendPackage(dst, codec, group)
			}
		})
		require.Less(t, allocs, 50.0, "%s: less than one for two packages", codec)
	}
}
