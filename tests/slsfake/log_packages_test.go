package slsfake

import (
	"bytes"
	"fmt"
	"testing"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"
)

// packed is a package of a group, compressed as codec says.
func packed(group []byte, codec string) []byte {
	compress := map[string]uint64{"": packageNone, "deflate": packageDeflate, "lz4": packageLZ4, "zstd": packageZSTD}
	return field(1, field(1, putReq("", group, codec).body), varint(2, uint64(len(group))), varint(3, compress[codec]))
}

// batchReq is a write of several groups, sent as LoongCollector sends it.
func batchReq(codec string, packages ...[]byte) req {
	q := putReq("/logstores/store/shards/lb", bytes.Join(packages, nil), "")
	q.headers["x-log-mode"] = "batch_group"
	if codec != "" {
		q.headers["x-log-compresstype"] = codec
	}
	return q
}

func TestGroupBatch(t *testing.T) {
	for _, codec := range []string{"", "lz4", "zstd", "deflate"} {
		t.Run(codec, func(t *testing.T) {
			s, c := newServer(t, Config{})
			groups := [][]byte{logGroup("a", "b"), logGroup("c"), field(3, []byte("topic only"))}
			var packages [][]byte
			for _, g := range groups {
				packages = append(packages, packed(g, codec))
			}
			res := c.do(batchReq(codec, packages...))
			require.Equal(t, 200, res.status, "%s", res.body)
			require.Empty(t, res.body)
			q := batchReq(codec, packages...)
			q.uri = "/logstores/store/shards/route?key=" + highKey
			require.Equal(t, 200, c.do(q).status)

			var stored [][]byte
			for g := range s.Groups("proj", "store") {
				stored = append(stored, g.Data)
				if g.Shard == 0 {
					require.Equal(t, res.header.Get("X-Log-Requestid"), g.RequestID)
				} else {
					require.Equal(t, highKey, g.HashKey)
				}
			}
			require.Equal(t, append(groups, groups...), stored, "in order, all of a request in one shard")
			o := s.Stats().Ops[OpPutLogs]
			require.Equal(t, []int64{6, 6}, []int64{o.Groups, o.Logs})
			// The bytes are the server's own, not those of a buffer that the next request uses.
			c.do(batchReq(codec, packed(logGroup("z", "z"), codec)))
			require.Equal(t, []string{"a", "b", "c"}, values(s)[:3])
		})
	}
}

func TestCompressTypeLeftOutIsLZ4(t *testing.T) {
	s, c := newServer(t, Config{})
	g := logGroup("a")
	p := field(1, field(1, putReq("", g, "lz4").body), varint(2, uint64(len(g))))
	require.Equal(t, 200, c.do(batchReq("lz4", p, p)).status)
	require.Equal(t, 2, s.LogCount("proj", "store"))
}

// A body is refused as a whole, by what is wrong with it, whichever package it is.
func TestGroupBatchRefusals(t *testing.T) {
	g := logGroup("a")
	lz4 := putReq("", g, "lz4").body
	size := varint(2, uint64(len(g)))
	header := func(name, value string) func(*req) { return func(q *req) { q.headers[name] = value } }
	for _, tc := range []struct {
		name  string
		bad   []byte // after a good package
		spoil func(*req)
		code  string
	}{
		{"good", nil, nil, ""},
		{"unknown fields", append(varint(9, 1), field(1, field(1, lz4), size, varint(7, 1))...), nil, ""},
		{"not protobuf", []byte{0xff}, nil, "PostBodyInvalid"},
		{"packages are numbers", varint(1, 1), nil, "PostBodyInvalid"},
		{"empty package", field(1), nil, "PostBodyInvalid"},
		{"malformed package", field(1, []byte{0x0a, 0x05, 'x'}), nil, "PostBodyInvalid"},
		{"no data", field(1, size), nil, "PostBodyInvalid"},
		{"empty data", field(1, field(1), size), nil, "PostBodyInvalid"},
		{"data is a number", field(1, varint(1, 1), size), nil, "PostBodyInvalid"},
		{"no size", field(1, field(1, lz4)), nil, "PostBodyInvalid"},
		{"size is bytes", field(1, field(1, lz4), field(2, []byte("1"))), nil, "PostBodyInvalid"},
		{"negative size", field(1, field(1, lz4), varint(2, 1<<64-1)), nil, "PostBodyInvalid"},
		{"size too small", field(1, field(1, lz4), varint(2, 1)), nil, "PostBodyUncompressError"},
		{"size too large", field(1, field(1, lz4), varint(2, uint64(len(g)+1))), nil, "PostBodyUncompressError"},
		{"unknown compression", field(1, field(1, lz4), size, varint(3, 4)), nil, "InvalidCompressType"},
		{"compression is bytes", field(1, field(1, lz4), size, field(3, []byte("2"))), nil, "PostBodyInvalid"},
		{"another compression", packed(g, "zstd"), nil, "InvalidCompressType"},
		{"not compressed", packed(g, ""), nil, "InvalidCompressType"},
		{"bad group", packed([]byte("no group"), "lz4"), nil, "PostBodyInvalid"},
		{"bad encoding", packed(field(1, varint(1, 1), pair(2, "k", "\xff")), "lz4"), nil, "InvalidEncoding"},
		{"raw size of the groups", nil, header("x-log-bodyrawsize", fmt.Sprint(len(g))), "InvalidBodyRawSize"},
		{"JSON", nil, header("Content-Type", "application/json"), "InvalidContentType"},
		{"gzip", nil, header("x-log-compresstype", "gzip"), "InvalidCompressType"},
		{"sequence number", nil, func(q *req) {
			q.uri = "/logstores/store/shards/route?key=" + lowKey + "&seqid=1"
		}, "ParameterInvalid"},
		{"processor", nil, func(q *req) { q.uri += "?processor=p" }, "NotSupported"},
		{"at the logstore", nil, func(q *req) { q.uri = "/logstores/store" }, "NotSupported"},
		{"no such logstore", nil, func(q *req) { q.uri = "/logstores/none/shards/lb" }, "LogStoreNotExist"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, c := newServer(t, Config{})
			q := batchReq("lz4", packed(g, "lz4"), tc.bad)
			if tc.spoil != nil {
				tc.spoil(&q)
			}
			res := c.do(q)
			require.Equal(t, tc.code, res.code, "%s", res.body)
			require.Equal(t, tc.code == "", s.LogCount("proj", "store") > 0, "all or none")
		})
	}
	s, c := newServer(t, Config{})
	require.Equal(t, "PostBodyInvalid", c.do(batchReq("lz4")).code, "no package")
	require.Zero(t, s.LogCount("proj", "store"))
}

// The raw sizes count, all together, and so does the body.
func TestGroupBatchLimits(t *testing.T) {
	g := logGroup("a")
	s, c := newServer(t, Config{MaxRawSize: 10 * len(g), MaxLogs: 2})
	p := packed(g, "lz4")
	require.Equal(t, 200, c.do(batchReq("lz4", bytes.Repeat(p, 8))).status)
	require.Equal(t, "PostBodyTooLarge", c.do(batchReq("lz4", bytes.Repeat(p, 11))).code)
	many := logGroup("a", "b", "c")
	require.Equal(t, "PostBodyTooLarge", c.do(batchReq("lz4", p, packed(many, "lz4"))).code)
	large := field(3, bytes.Repeat([]byte("t"), 11*len(g))) // compresses to little
	require.Equal(t, "PostBodyTooLarge", c.do(batchReq("lz4", packed(large, "lz4"))).code)
	require.Equal(t, 8, s.LogCount("proj", "store"))
}

// The time window and the quota hold for the batch: nothing of it is stored.
func TestGroupBatchAllOrNothing(t *testing.T) {
	s, c := newServer(t, Config{CheckLogTime: true, Quota: Quota{WriteBytes: 1}})
	old := field(1, varint(1, 1), pair(2, "k", "v"))
	res := c.do(batchReq("lz4", packed(logGroup("a"), "lz4"), packed(old, "lz4")))
	require.Equal(t, 499, res.status)
	require.Zero(t, s.LogCount("proj", "store"))
	p := packed(logGroup("a"), "lz4")
	require.Equal(t, 200, c.do(batchReq("lz4", p, p)).status) // each shard has its quota
	require.Equal(t, 200, c.do(batchReq("lz4", p, p)).status)
	require.Equal(t, "ShardWriteQuotaExceed", c.do(batchReq("lz4", p, p)).code)
	require.Equal(t, 4, s.LogCount("proj", "store"))
}

// A server that does not know the mode reads one log group, and finds none.
func TestServerWithoutGroupBatches(t *testing.T) {
	s, c := newServer(t, Config{})
	s.SetGroupBatches(false)
	for codec, code := range map[string]string{
		"lz4": "PostBodyUncompressError", "zstd": "PostBodyUncompressError", "": "PostBodyInvalid",
	} {
		p := packed(logGroup("a"), codec)
		require.Equal(t, code, c.do(batchReq(codec, p, p)).code, codec)
		require.Equal(t, 200, c.do(putReq("/logstores/store/shards/lb", logGroup("a"), codec)).status)
	}
	s.SetGroupBatches(true)
	require.Equal(t, 200, c.do(batchReq("lz4", packed(logGroup("a"), "lz4"))).status)
	require.Equal(t, 4, s.LogCount("proj", "store"))
}

// FuzzPackages: what is accepted, the SDK's generated code reads as the same packages.
func FuzzPackages(f *testing.F) {
	g := logGroup("a")
	f.Add(append(packed(g, "lz4"), packed(g, "zstd")...))
	f.Add(append(packed(g, ""), varint(9, 1)...))
	f.Add(field(1, field(1, []byte("x")), varint(2, 1<<64-1)))
	f.Add(field(1, field(1, []byte("x")), varint(2, 1), field(1, []byte("y")), varint(2, 2), varint(3, 0)))
	f.Add([]byte{0x0a, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		orig := bytes.Clone(b)
		packages, refused := readPackages(b, 1<<20)
		require.Equal(t, orig, b)
		if refused != nil {
			require.NotEmpty(t, refused.code)
			return
		}
		var list sdk.SlsLogPackageList
		require.NoError(t, proto.Unmarshal(b, &list), "accepted, but the reference refuses it")
		require.Len(t, list.Packages, len(packages))
		total := 0
		for i, p := range packages {
			require.Equal(t, list.Packages[i].Data, p.data)
			require.Equal(t, int(list.Packages[i].GetUncompressSize()), p.size)
			total += p.size
		}
		require.LessOrEqual(t, total, 1<<20)
	})
}
