package loggroup

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	sls "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

// readAll encodes a whole chunk.
func readAll(r *Reader, dst, chunk []byte, opts EncodeOptions) ([]byte, error) {
	r.Reset(chunk, opts)
	for {
		var err error
		if dst, err = r.Next(dst); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return dst, err
		}
	}
}

// BenchmarkReader counts the bytes of the Logs it makes, so its MB/s compare with those
// of BenchmarkLZ4.
func BenchmarkReader(b *testing.B) {
	for _, set := range dataSets(b, chunkSize) {
		b.Run(set.name, func(b *testing.B) {
			var r Reader
			out, err := readAll(&r, nil, set.chunk, EncodeOptions{RenameReserved: true})
			require.NoError(b, err)
			b.SetBytes(int64(len(out)))
			b.ReportAllocs()
			for b.Loop() {
				out, _ = readAll(&r, out[:0], set.chunk, EncodeOptions{RenameReserved: true})
			}
		})
	}
}

// BenchmarkLZ4 compresses what BenchmarkReader encodes, and nothing else.
func BenchmarkLZ4(b *testing.B) {
	for _, set := range dataSets(b, chunkSize) {
		b.Run(set.name, func(b *testing.B) {
			var r Reader
			raw, err := readAll(&r, nil, set.chunk, EncodeOptions{RenameReserved: true})
			require.NoError(b, err)
			var c lz4.Compressor
			dst := make([]byte, lz4.CompressBlockBound(len(raw)))
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n, err = c.CompressBlock(raw, dst)
			}
			require.NoError(b, err)
			b.ReportMetric(float64(len(raw))/float64(n), "ratio")
		})
	}
}

// BenchmarkRequest is all the work on a request's body: encode, compress, hash. Compared
// with BenchmarkLZ4 it shows what the rest costs.
func BenchmarkRequest(b *testing.B) {
	for _, set := range dataSets(b, chunkSize) {
		b.Run(set.name, func(b *testing.B) {
			var r Reader
			raw, err := readAll(&r, nil, set.chunk, EncodeOptions{RenameReserved: true})
			require.NoError(b, err)
			var c lz4.Compressor
			dst := make([]byte, lz4.CompressBlockBound(2*len(raw)))
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				raw, _ = readAll(&r, raw[:0], set.chunk, EncodeOptions{RenameReserved: true})
				raw = AppendGroupFields(raw, "access", "10.0.0.1", nil)
				n, _ := c.CompressBlock(raw, dst)
				_ = md5.Sum(dst[:n])
			}
		})
	}
}

// BenchmarkDecoder counts the bytes of the LogGroupList.
func BenchmarkDecoder(b *testing.B) {
	for _, meta := range []bool{false, true} {
		for _, set := range dataSets(b, chunkSize) {
			name := set.name
			if meta {
				name += "+meta"
			}
			b.Run(name, func(b *testing.B) {
				list := set.list(b, 200)
				d := Decoder{IncludeMeta: meta}
				out, _, err := d.AppendList(nil, list)
				require.NoError(b, err)
				b.SetBytes(int64(len(list)))
				b.ReportAllocs()
				for b.Loop() {
					out, _, _ = d.AppendList(out[:0], list)
				}
			})
		}
	}
}

// compressedList is a set's list as a pull answers it.
func compressedList(b *testing.B, set dataSet) (list, compressed []byte) {
	b.Helper()
	list = set.list(b, 200)
	compressed = make([]byte, lz4.CompressBlockBound(len(list)))
	n, err := lz4.CompressBlock(list, compressed, nil)
	require.NoError(b, err)
	b.SetBytes(int64(len(list)))
	b.ReportAllocs()
	return list, compressed[:n]
}

// BenchmarkPull is a pull's body on its way to the engine: decompress, decode.
func BenchmarkPull(b *testing.B) {
	for _, set := range dataSets(b, chunkSize) {
		b.Run(set.name, func(b *testing.B) {
			list, compressed := compressedList(b, set)
			var d Decoder
			out := make([]byte, 0, 2*len(list))
			for b.Loop() {
				_, err := lz4.UncompressBlock(compressed, list)
				require.NoError(b, err)
				out, _, _ = d.AppendList(out[:0], list)
			}
		})
	}
}

// BenchmarkPullSDK is BenchmarkPull with the SDK's types and msgpack/v5.
func BenchmarkPullSDK(b *testing.B) {
	for _, set := range dataSets(b, chunkSize) {
		b.Run(set.name, func(b *testing.B) {
			list, compressed := compressedList(b, set)
			var buf bytes.Buffer
			enc := msgpack.NewEncoder(&buf)
			for b.Loop() {
				_, err := lz4.UncompressBlock(compressed, list)
				require.NoError(b, err)
				l, err := sls.LogsBytesDecode(list)
				require.NoError(b, err)
				buf.Reset()
				for _, g := range l.LogGroups {
					for _, log := range g.Logs {
						encodeEvent(&buf, enc, log)
					}
				}
			}
		})
	}
}

func encodeEvent(buf *bytes.Buffer, enc *msgpack.Encoder, log *sls.Log) {
	buf.Write([]byte{0x92, 0x92})
	_ = enc.EncodeExtHeader(0, 8)
	var stamp [8]byte
	binary.BigEndian.PutUint32(stamp[:], log.GetTime())
	binary.BigEndian.PutUint32(stamp[4:], log.GetTimeNs())
	buf.Write(stamp[:])
	_ = enc.EncodeMapLen(0)
	_ = enc.EncodeMapLen(len(log.Contents))
	for _, c := range log.Contents {
		_ = enc.EncodeString(c.GetKey())
		_ = enc.EncodeString(c.GetValue())
	}
}
