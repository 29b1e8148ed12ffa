package sls

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
)

// defaultMaxRawSize bounds a pull that names no limit of its own.
const defaultMaxRawSize = 64 << 20

// maxPullCount is the server's limit on groups per pull.
const maxPullCount = 1000

// Pull is one read from a shard.
type Pull struct {
	Shard     int
	Cursor    string // where to begin
	EndCursor string // where to stop, exclusive; "" = read on
	Count     int    // log groups at most; outside 1..1000 means 1000
	// Query is an SPL or scan statement that filters on the server, Processor the
	// name of a consume processor that does; "" = none.
	Query     string
	Processor string
	Codec     Codec // LZ4 (default) or ZSTD; the server knows no other
	// Lend returns the buffer to which the decompressed bytes are appended. It is called
	// when their number and that of the log groups are known, and nothing is allocated
	// for them yet. Its error refuses them. It is called again when the request is sent
	// again. nil allocates.
	Lend func(size, groups int) ([]byte, error)
	// MaxRawSize bounds the decompressed bytes; more is an error (ErrTooLarge,
	// ClassSplit): ask for fewer groups. Default 64 MiB.
	MaxRawSize int
}

// PullResult is what a pull gave.
type PullResult struct {
	NextCursor string // where to go on; equal to Pull.Cursor at the shard's end
	Groups     int    // log groups in Data, as the server counts
	RawSize    int    // len(Data)
	WireSize   int    // bytes of the compressed body
	// ScannedGroups and ScannedSize are what a query or processor went through to
	// make Data, in log groups and raw bytes; -1 = not sent.
	ScannedGroups int
	ScannedSize   int
	LastCursor    int64  // cursor of the last group, decoded; -1 = not sent
	Data          []byte // a LogGroupList message: what was appended to what Lend returned
	Buf           []byte // that, with Data at its end; nil without data
}

// PullLogs reads log groups: GET /logstores/L/shards/S?type=logs&cursor=C&count=N
// [&end_cursor=E][&query=Q&pullMode=scan_on_stream][&processor=P].
// The result's bytes belong to the caller. An empty result is no error.
func (l Logstore) PullLogs(ctx context.Context, p Pull) (PullResult, error) {
	if p.Codec == "" {
		p.Codec = LZ4
	}
	if p.MaxRawSize <= 0 {
		p.MaxRawSize = defaultMaxRawSize
	}
	p.MaxRawSize = min(p.MaxRawSize, MaxRawSize)
	if p.Count < 1 || p.Count > maxPullCount {
		p.Count = maxPullCount
	}
	pairs := []string{"count", strconv.Itoa(p.Count), "cursor", p.Cursor, "type", "logs"}
	if p.EndCursor != "" {
		pairs = append(pairs, "end_cursor", p.EndCursor)
	}
	if p.Query != "" {
		pairs = append(pairs, "pullMode", "scan_on_stream", "query", p.Query)
	}
	if p.Processor != "" {
		pairs = append(pairs, "processor", p.Processor)
	}
	r := l.get("pull logs from", shardPath(p.Shard), escapeQuery(pairs...), nil)
	r.detail, r.accept = shardDetail(p.Shard), p.Codec
	if p.Codec != LZ4 && p.Codec != ZSTD {
		return PullResult{}, &Error{
			Op: r.opText(), Class: ClassPermanent, Mend: "compress",
			Err: fmt.Errorf("pulls cannot use compression %q", shorten(string(p.Codec), 40)),
		}
	}
	var res PullResult
	r.read = func(a answer) (err error) {
		res, err = l.client.readPull(a, p)
		return err
	}
	if err := l.client.do(ctx, &r); err != nil {
		return PullResult{}, err
	}
	return res, nil
}

// readPull reads the answer of a pull: headers x-log-cursor, x-log-count and
// x-log-bodyrawsize always, x-log-compresstype with data, and the body.
func (c *Client) readPull(a answer, p Pull) (PullResult, error) {
	res, err := pullHeaders(a.header)
	if err != nil {
		return PullResult{}, err
	}
	if res.RawSize == 0 {
		drain(a.body)
		return res, nil
	}
	if res.RawSize > p.MaxRawSize {
		return PullResult{}, fmt.Errorf("%w: %d bytes in %d groups, the limit is %d",
			ErrTooLarge, res.RawSize, res.Groups, p.MaxRawSize)
	}
	codec := Codec(a.header.Get(headerCompress))
	if codec != LZ4 && codec != ZSTD {
		return PullResult{}, fmt.Errorf("%w: x-log-compresstype %q", ErrBadAnswer, shorten(string(codec), 40))
	}
	var into []byte
	if p.Lend != nil {
		if into, err = p.Lend(res.RawSize, res.Groups); err != nil {
			return PullResult{}, err
		}
	}
	wire := c.wireBuffer()
	defer c.putWireBuffer(wire)
	if err := readWire(a, wire, res.RawSize); err != nil {
		return PullResult{}, err
	}
	res.WireSize = len(*wire)
	if res.Buf, err = Decompress(codec, into, *wire, res.RawSize); err != nil {
		return PullResult{}, fmt.Errorf("%w: %w", ErrBadAnswer, err)
	}
	res.Data = res.Buf[len(into):]
	return res, nil
}

func pullHeaders(h http.Header) (PullResult, error) {
	res := PullResult{NextCursor: h.Get("X-Log-Cursor"), LastCursor: -1}
	if err := checkCursor(res.NextCursor); err != nil {
		return res, fmt.Errorf("x-log-cursor: %w", err)
	}
	var err error
	if res.RawSize, err = sizeHeader(h, headerRawSize); err != nil {
		return res, err
	}
	if res.Groups, err = sizeHeader(h, "X-Log-Count"); err != nil {
		return res, err
	}
	res.ScannedGroups, res.ScannedSize = scanned(h, "X-Log-Rawdatacount"), scanned(h, "X-Log-Rawdatasize")
	if n, err := strconv.ParseInt(h.Get("X-Log-Read-Last-Cursor"), 10, 64); err == nil && n >= 0 {
		res.LastCursor = n
	}
	return res, nil
}

// scanned reads a header that only pulls with a query have.
func scanned(h http.Header, name string) int {
	if n, err := strconv.ParseInt(h.Get(name), 10, 32); err == nil && n >= 0 {
		return int(n)
	}
	return -1
}

func sizeHeader(h http.Header, name string) (int, error) {
	value := h.Get(name)
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%w: header %s is %q", ErrBadAnswer, name, shorten(value, 40))
	}
	return int(n), nil
}

// readWire reads the compressed body into *buf. Both codecs make incompressible data only
// a little larger, so a longer body contradicts its own header.
func readWire(a answer, buf *[]byte, rawSize int) error {
	limit := rawSize + rawSize/128 + 1024
	if a.length > int64(limit) {
		return fmt.Errorf("%w: %d bytes for %d raw ones", ErrBadAnswer, a.length, rawSize)
	}
	b := (*buf)[:0]
	defer func() { *buf = b }()
	if a.length >= 0 {
		// One more, so that the end of the body is seen and the connection kept.
		b = slices.Grow(b, int(a.length)+1)
	}
	for {
		if len(b) == cap(b) {
			b = slices.Grow(b, max(4096, len(b)))
		}
		n, err := a.body.Read(b[len(b):min(cap(b), limit+1)])
		b = b[:len(b)+n]
		switch {
		case len(b) > limit:
			return fmt.Errorf("%w: more than %d bytes for %d raw ones", ErrBadAnswer, limit, rawSize)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// maxPooledWire keeps one large pull from pinning its buffer for good.
const maxPooledWire = 4 << 20

func (c *Client) wireBuffer() *[]byte {
	if b, ok := c.wireBuffers.Get().(*[]byte); ok {
		return b
	}
	return new([]byte)
}

func (c *Client) putWireBuffer(b *[]byte) {
	if cap(*b) <= maxPooledWire {
		c.wireBuffers.Put(b)
	}
}
