package slsfake

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// codecs compress and decompress bodies: "lz4" is one raw block without frame
// or size, "zstd" standard frames, "deflate" (the Java SDK's GZIP) a zlib stream.
type codecs struct {
	maxRaw int
	lz4    sync.Pool // *lz4.Compressor

	mu   sync.Mutex // guards zstd
	zstd *zstdPair  // made when first needed: it is not small
}

// zstdPair is safe for concurrent use.
type zstdPair struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

// minZstdMemory keeps the decoder from refusing ordinary frames by their
// window when MaxRawSize is set low; what a frame holds is checked against
// x-log-bodyrawsize afterwards.
const minZstdMemory = 64 << 20

func newCodecs(maxRaw int) *codecs { return &codecs{maxRaw: maxRaw} }

func (c *codecs) zstdCodec() (*zstdPair, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.zstd != nil {
		return c.zstd, nil
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0),
		zstd.WithDecoderMaxMemory(max(uint64(c.maxRaw)+1, minZstdMemory)))
	if err != nil {
		return nil, err
	}
	c.zstd = &zstdPair{enc, dec}
	return c.zstd, nil
}

func (c *codecs) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.zstd != nil {
		c.zstd.dec.Close()
		c.zstd = nil
	}
}

func isCodec(name string) bool { return name == "lz4" || name == "zstd" || name == "deflate" }

var errLength = errors.New("its length differs from x-log-bodyrawsize")

// decompress returns a new slice of exactly rawSize bytes.
func (c *codecs) decompress(codec string, src []byte, rawSize int) ([]byte, error) {
	dst := make([]byte, rawSize)
	switch codec {
	case "lz4":
		n, err := lz4.UncompressBlock(src, dst)
		if err != nil {
			return nil, err
		}
		if n != rawSize {
			return nil, errLength
		}
		return dst, nil
	case "zstd":
		p, err := c.zstdCodec()
		if err != nil {
			return nil, err
		}
		out, err := p.dec.DecodeAll(src, dst[:0])
		if err != nil {
			return nil, err
		}
		if len(out) != rawSize {
			return nil, errLength
		}
		return out, nil
	case "deflate":
		return inflate(src, dst)
	}
	return nil, errors.New("unknown compression " + codec)
}

// inflate fills dst with the content of src, which is exactly as long.
func inflate(src, dst []byte) ([]byte, error) {
	r, err := zlib.NewReader(bytes.NewReader(src))
	if err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(r, dst); err != nil {
		return nil, errors.Join(errLength, err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		return nil, errors.Join(errLength, err)
	}
	return dst, nil
}

// compress returns src compressed into a new slice.
func (c *codecs) compress(codec string, src []byte) ([]byte, error) {
	switch codec {
	case "lz4":
		lc, _ := c.lz4.Get().(*lz4.Compressor)
		if lc == nil {
			lc = &lz4.Compressor{}
		}
		defer c.lz4.Put(lc)
		dst := make([]byte, lz4.CompressBlockBound(len(src)))
		n, err := lc.CompressBlock(src, dst) // 0 happens only with a smaller dst
		return dst[:n], err
	case "zstd":
		p, err := c.zstdCodec()
		if err != nil {
			return nil, err
		}
		return p.enc.EncodeAll(src, nil), nil
	case "deflate":
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		_, err := w.Write(src)
		err = errors.Join(err, w.Close())
		return b.Bytes(), err
	}
	return nil, errors.New("unknown compression " + codec)
}
