package sls

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/klauspost/compress/zstd"
	lz4v3 "github.com/pierrec/lz4/v3"
	"github.com/pierrec/lz4/v4"
)

// Codec is how bodies are compressed, spelled as the x-log-compresstype header.
type Codec string

// The codecs. LZ4 is a raw block: no frame, no size, so its reader must be told
// the raw size. ZSTD is standard frames.
const (
	LZ4  Codec = "lz4"
	ZSTD Codec = "zstd"
	None Codec = "none"
)

// MaxRawSize is the largest raw size Decompress accepts. The service takes at
// most 10 MB per write; a pull is some hundred of those at the very most.
const MaxRawSize = 256 << 20

// One encoder and one decoder for the process, as the SDK does: both are safe
// for concurrent use and pool their state per core. They are made when the
// package is loaded, not at first use, so that their channels never belong to
// a test's synctest bubble.
var (
	zstdEncoder = newZstdEncoder()
	zstdDecoder = newZstdDecoder()
)

func newZstdEncoder() *zstd.Encoder {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic("zstd encoder: " + err.Error()) // constant options: at load or never
	}
	enc.EncodeAll(nil, nil) // makes its channel now
	return enc
}

func newZstdDecoder() *zstd.Decoder {
	dec, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(0), // one state per core, used ones only cost
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(MaxRawSize),
		zstd.WithDecodeAllCapLimit(true)) // never beyond the room given
	if err != nil {
		panic("zstd decoder: " + err.Error()) // constant options: at load or never
	}
	return dec
}

// Compress appends src, compressed, to dst and returns the extended slice. It
// cannot fail: incompressible data grows a little. An empty codec means none.
func Compress(c Codec, dst, src []byte) []byte {
	switch c {
	case LZ4:
		return compressLZ4(dst, src)
	case ZSTD:
		return zstdEncoder.EncodeAll(src, dst)
	case None:
	}
	return append(dst, src...)
}

// TryCompress is Compress into the room that dst has. It is false if what src becomes is
// larger; what lies behind dst is then anything.
func TryCompress(c Codec, dst, src []byte) ([]byte, bool) {
	start, room := len(dst), cap(dst)
	if c != LZ4 || len(src) == 0 || room-start >= CompressBound(len(src)) {
		out := Compress(c, dst, src)
		return out, cap(out) == room
	}
	// The library says how much room is missing by an error, or by 0.
	n, err := lz4v3.CompressBlock(src, dst[start:room:room], nil)
	return dst[:start+max(n, 0)], err == nil && n > 0
}

// CompressBound is the most bytes that n bytes become as LZ4. The other codecs need no
// more, except some bytes of a zstd header.
func CompressBound(n int) int { return lz4.CompressBlockBound(n) }

func compressLZ4(dst, src []byte) []byte {
	if len(src) == 0 {
		return append(dst, 0) // the block of nothing: one token, no literals
	}
	start := len(dst)
	dst = slices.Grow(dst, CompressBound(len(src)))
	// The release before v4 finds the same matches in two thirds of the time. v4 also
	// notes which entries of a pooled hash table are of this block, so that its output is
	// the same in every run. Nobody needs that here. The library pools its tables by
	// itself.
	n, err := lz4v3.CompressBlock(src, dst[start:start+CompressBound(len(src))], nil)
	if err != nil || n == 0 {
		// 0 means incompressible. With this much room it does not happen, but the
		// library's documentation says that it may.
		return appendLiterals(dst, src)
	}
	return dst[:start+n]
}

// appendLiterals writes src as an LZ4 block of one sequence without a match:
//
//	token (literal length << 4), 255..., rest, literals
//
// where a literal length of 15 or more goes on in bytes of 255 and a last one
// below.
func appendLiterals(dst, src []byte) []byte {
	n := len(src)
	if n < 15 {
		return append(append(dst, byte(n<<4)), src...)
	}
	dst = append(dst, 0xf0)
	for n -= 15; n >= 255; n -= 255 {
		dst = append(dst, 255)
	}
	return append(append(dst, byte(n)), src...)
}

var errRawSize = errors.New("raw size")

// Decompress appends the rawSize bytes src holds to dst and returns the
// extended slice. It is an error if src holds more or less, or if rawSize is
// more than MaxRawSize or than src could ever hold: that is refused before
// anything is allocated. On error the returned slice is dst as it was; the room
// behind it may have been written to. src must not overlap dst.
func Decompress(c Codec, dst, src []byte, rawSize int) ([]byte, error) {
	if err := checkRawSize(c, len(src), rawSize); err != nil {
		return dst, err
	}
	if c == None || c == "" {
		return append(dst, src...), nil
	}
	start := len(dst)
	room := slices.Grow(dst, rawSize)[:start+rawSize]
	var n int
	var err error
	if c == LZ4 {
		n, err = decompressLZ4(room[start:], src)
	} else {
		var out []byte
		out, err = zstdDecoder.DecodeAll(src, room[start:start:start+rawSize])
		n = len(out)
	}
	if err != nil {
		return dst, fmt.Errorf("decompress %s: %w", c, err)
	}
	if n != rawSize {
		return dst, fmt.Errorf("decompress %s: %w: %d bytes announced, %d found", c, errRawSize, rawSize, n)
	}
	return room, nil
}

func decompressLZ4(dst, src []byte) (int, error) {
	if len(dst) == 0 {
		// The library refuses an empty destination; the block of nothing is one
		// zero token.
		if len(src) == 1 && src[0] == 0 {
			return 0, nil
		}
		return 0, lz4.ErrInvalidSourceShortBuffer
	}
	return lz4.UncompressBlock(src, dst)
}

// checkRawSize refuses sizes that no input of srcLen bytes can reach: an LZ4
// length byte adds 255 at most, the smallest zstd block (an RLE block of four
// bytes) gives 128 KiB.
func checkRawSize(c Codec, srcLen, rawSize int) error {
	most := srcLen
	switch c {
	case LZ4:
		most = saturate(srcLen, 255)
	case ZSTD:
		most = saturate(srcLen, 128<<10/4)
	case None, "":
		if rawSize != srcLen {
			return fmt.Errorf("%w: %d bytes announced, %d found", errRawSize, rawSize, srcLen)
		}
	default:
		return fmt.Errorf("unknown compression %q", shorten(string(c), 40))
	}
	if rawSize < 0 || rawSize > min(most, MaxRawSize) {
		return fmt.Errorf("%w %d: not possible with %d bytes of %s", errRawSize, rawSize, srcLen, c)
	}
	return nil
}

func saturate(n, factor int) int {
	if n > math.MaxInt/factor {
		return math.MaxInt
	}
	return n * factor
}
