package sls

import (
	"context"
	"encoding/binary"
	"errors"
	"math/bits"
	"net/http"
	"slices"
	"strconv"
)

// Body is one LogGroup message on its way out.
type Body struct {
	Data    []byte // the message, compressed with Codec
	RawSize int    // its length before compression
	Codec   Codec
	// Processor is the ingest processor of the project that processes the logs
	// before they are stored; "" = that of the logstore, if it has one.
	Processor string
	// SequenceID makes the server refuse the group (InvalidSequenceId, ClassConflict)
	// if it has recorded this number or a higher one for the hash key, whatever the
	// bytes were. The first number of a key is 1; 0 = none is sent. It needs a hash key.
	SequenceID uint64
}

var errNoHashKey = errors.New("a sequence number without a hash key")

// PutLogs writes one log group: POST /logstores/L, or with a hash key
// POST /logstores/L/shards/route?key=K[&seqid=N], which goes to the shard whose range
// the key (32 hex digits) is in. Without one the server balances over the shards.
// With a processor, &processor=P on either (PostLogStoreLogs of the SDK). Sequence
// numbers are those of LoongCollector and of hashRouteKeySeqId of the Java SDK.
//
// nil means that the server has accepted every log of the group. b.Data is the
// caller's again when PutLogs returns, whatever it returns. Empty Data is no
// request.
func (l Logstore) PutLogs(ctx context.Context, b Body, hashKey string) error {
	if len(b.Data) == 0 {
		return nil
	}
	r := l.write(b.Data, b.Codec)
	r.rawSize = b.RawSize
	if b.SequenceID != 0 && hashKey == "" {
		return &Error{Op: r.opText(), Class: ClassPermanent, Err: errNoHashKey}
	}
	var pairs []string
	if hashKey != "" {
		r.path = "/shards/route"
		pairs = append(pairs, "key", hashKey)
	}
	if b.SequenceID != 0 {
		pairs = append(pairs, "seqid", strconv.FormatUint(b.SequenceID, 10))
	}
	if b.Processor != "" {
		pairs = append(pairs, "processor", b.Processor)
	}
	r.query = escapeQuery(pairs...)
	return l.client.do(ctx, &r)
}

// PutBatch writes several log groups of one logstore, each with a topic, source and
// tags of its own, in one request: POST /logstores/L/shards/lb with the header
// x-log-mode: batch_group, as LoongCollector and batchPutLogs of the Java SDK do.
// packages is what AppendPackage made, all of it with codec.
//
// nil means that the server has accepted every log. Whether a refusal is one of a part
// is not documented. The limit of a write holds for the raw sizes of all groups together.
// packages is the caller's again when PutBatch returns. An empty one is no request.
func (l Logstore) PutBatch(ctx context.Context, packages []byte, codec Codec) error {
	if len(packages) == 0 {
		return nil
	}
	r := l.write(packages, codec)
	r.path = "/shards/lb"
	r.mode = "batch_group"
	r.rawSize = len(packages) // of the body as sent, not of the groups
	return l.client.do(ctx, &r)
}

// write is what the requests that write logs have in common.
func (l Logstore) write(data []byte, codec Codec) request {
	return request{
		op: "put logs to", project: l.Project, logstore: l.Name, needName: true,
		method:      http.MethodPost,
		contentType: typeProtobuf,
		body:        data,
		compress:    codec,
	}
}

// The body of PutBatch is a list of packages:
//
//	SlsLogPackageList { repeated SlsLogPackage packages = 1 }
//	SlsLogPackage     { required bytes data = 1; optional int32 uncompress_size = 2;
//	                    optional enum compress_type = 3 }   NONE 0, LZ4 2, ZSTD 3
const (
	tagPackage  = 0x0a // field 1 of the list
	tagData     = 0x0a // field 1 of a package
	tagRawSize  = 0x10
	tagCompress = 0x18

	// Two tags, two lengths of five bytes at most.
	maxPackageHead = 2 + 2*5
	// Two tags, a size of five bytes at most, and the compression.
	maxPackageTail = 2 + 5 + 1
	// What a zstd frame may have beyond its blocks.
	zstdFrame = 32
)

// PackageBound is the most bytes that AppendPackage appends for a group of n bytes.
func PackageBound(n int) int {
	return CompressBound(n) + zstdFrame + maxPackageHead + maxPackageTail
}

// AppendPackage appends one package to dst and returns the extended slice: group, an
// encoded LogGroup, compressed with codec. It compresses into dst itself: with room for
// PackageBound(len(group)) bytes it allocates nothing. An empty group is no package.
func AppendPackage(dst []byte, codec Codec, group []byte) []byte {
	if len(group) == 0 {
		return dst
	}
	start := len(dst)
	dst = slices.Grow(dst, PackageBound(len(group)))
	var tail [maxPackageTail]byte
	end := append(binary.AppendUvarint(append(tail[:0], tagRawSize), uint64(len(group))), tagCompress, packageCodec(codec))
	// The lengths in front are known when the data is there. Log groups shrink to a
	// quarter or less; where that is a guess of the wrong width, the data moves by a byte
	// or two.
	guess := packageHead(len(group)/4, len(end))
	dst = Compress(codec, dst[:start+guess], group)
	size := len(dst) - start - guess
	head := packageHead(size, len(end))
	if head != guess {
		dst = slices.Grow(dst, maxPackageHead)[:start+head+size]
		copy(dst[start+head:], dst[start+guess:start+guess+size])
	}
	at := append(dst[:start], tagPackage)
	at = binary.AppendUvarint(at, uint64(1+uvarintLen(size)+size+len(end)))
	binary.AppendUvarint(append(at, tagData), uint64(size))
	return append(dst, end...)
}

// packageHead is how many bytes of a package stand before size bytes of data that tail
// bytes follow.
func packageHead(size, tail int) int {
	inner := 1 + uvarintLen(size)
	return 1 + uvarintLen(inner+size+tail) + inner
}

func uvarintLen(n int) int { return max(1, (bits.Len(uint(n))+6)/7) }

func packageCodec(c Codec) byte {
	switch c {
	case LZ4:
		return 2
	case ZSTD:
		return 3
	case None:
	}
	return 0
}
