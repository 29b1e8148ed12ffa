package loggroup

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"testing"

	sls "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// The oracle applies the rules of the package comment in the plainest way there
// is: msgpack/v5 into a tree, the tree into the SDK's types, those marshalled.

// node is one msgpack value.
type node struct {
	kind  kind
	num   any    // bool, int64, uint64, float32 or float64
	data  []byte // str, bin, ext
	ext   int8
	items []node // an array's elements; a map's keys and values in turn
	count int    // how many pairs a map had before some were left out
}

func oracleNode(d *msgpack.Decoder) (n node, err error) {
	c, err := d.PeekCode()
	if err != nil {
		return n, err
	}
	switch {
	case c == msgpcode.Nil:
		return node{kind: kindNil}, d.DecodeNil()
	case c == msgpcode.True, c == msgpcode.False:
		n.kind = kindBool
		n.num, err = d.DecodeBool()
	case c == msgpcode.Float:
		n.kind = kindFloat32
		n.num, err = d.DecodeFloat32()
	case c == msgpcode.Double:
		n.kind = kindFloat64
		n.num, err = d.DecodeFloat64()
	case c <= msgpcode.PosFixedNumHigh, c >= msgpcode.Uint8 && c <= msgpcode.Uint64:
		n.kind = kindUint
		n.num, err = d.DecodeUint64()
	case c >= msgpcode.NegFixedNumLow, c >= msgpcode.Int8 && c <= msgpcode.Int64:
		n.kind = kindInt
		n.num, err = d.DecodeInt64()
	case msgpcode.IsString(c), msgpcode.IsBin(c):
		n.kind = kindBin
		if msgpcode.IsString(c) {
			n.kind = kindStr
		}
		size, err := d.DecodeBytesLen()
		if err != nil {
			return n, err
		}
		n.data, err = oracleBytes(d, size)
		return n, err
	case msgpcode.IsExt(c):
		return oracleExt(d)
	case msgpcode.IsFixedArray(c), c == msgpcode.Array16, c == msgpcode.Array32:
		return oracleItems(d, kindArray, 1, d.DecodeArrayLen)
	case msgpcode.IsFixedMap(c), c == msgpcode.Map16, c == msgpcode.Map32:
		return oracleItems(d, kindMap, 2, d.DecodeMapLen)
	default:
		err = fmt.Errorf("code %x", c)
	}
	return n, err
}

func oracleExt(d *msgpack.Decoder) (node, error) {
	id, size, err := d.DecodeExtHeader()
	if err != nil {
		return node{}, err
	}
	data, err := oracleBytes(d, size)
	return node{kind: kindExt, ext: id, data: data}, err
}

// oracleBytes allocates only for bytes that are there. The library's own DecodeBytes
// believes the length.
func oracleBytes(d *msgpack.Decoder, size int) ([]byte, error) {
	var data bytes.Buffer
	_, err := io.CopyN(&data, d.Buffered(), int64(size))
	return data.Bytes(), err
}

func oracleItems(d *msgpack.Decoder, k kind, per int, size func() (int, error)) (node, error) {
	n := node{kind: k}
	count, err := size()
	if err != nil {
		return n, err
	}
	for range count * per {
		item, err := oracleNode(d)
		if err != nil {
			return n, err
		}
		n.items = append(n.items, item)
	}
	n.count = count
	return n, nil
}

// oracleLog is a Log and what was restored from its record.
type oracleLog struct {
	*sls.Log
	restored oracleRestored
}

// oracleLogs are the Logs of a chunk and the number of values that are no events.
// The error is not nil when the chunk's rest cannot be read. o is what opts.Content
// was compiled from.
func oracleLogs(chunk []byte, opts EncodeOptions, o ContentOptions) (logs []oracleLog, skipped int, err error) {
	src := bytes.NewReader(chunk) // a ByteScanner: the decoder does not read ahead
	d := msgpack.NewDecoder(src)
	var group []*sls.LogContent
	inGroup := false
	for src.Len() > 0 {
		n, err := oracleNode(d)
		if err != nil {
			return logs, skipped, err
		}
		stamp, meta, record, ok := oracleEvent(n)
		sec, nsec, isTime := oracleTime(stamp)
		switch {
		case !ok || !isTime:
			skipped++
		case oracleIsMarker(stamp, 0xffffffff) && oracleHas(meta, func(key, _ node) bool {
			return key.kind == kindStr && string(key.data) == "schema"
		}):
			inGroup, group = true, nil
			if opts.GroupAttributes {
				group = append(oracleWalk(meta, prefixGroup, o), oracleWalk(record, prefixGroup, o)...)
			}
		case oracleIsMarker(stamp, 0xfffffffe) && inGroup && meta.kind == kindMap && !oracleHas(meta, func(_, value node) bool {
			return value.kind == kindMap
		}):
			inGroup, group = false, nil
		default:
			e := oracleChoice{rename: opts.RenameReserved, meta: meta, record: record, sec: uint32(sec), nsec: nsec, tag: opts.Tag, group: group}
			contents := e.contents(o)
			log := &sls.Log{Time: proto.Uint32(e.sec), Contents: contents}
			if !e.inMetadata || e.hasNs || e.nsec > 0 {
				log.TimeNs = proto.Uint32(e.nsec)
			}
			logs = append(logs, oracleLog{Log: log, restored: e.restored})
		}
	}
	return logs, skipped, nil
}

func oracleEvent(n node) (stamp, meta, record node, ok bool) {
	if n.kind != kindArray || len(n.items) != 2 {
		return stamp, meta, record, false
	}
	stamp, record = n.items[0], n.items[1]
	if stamp.kind == kindArray {
		if len(stamp.items) != 2 || stamp.items[1].kind != kindMap {
			return stamp, meta, record, false
		}
		stamp, meta = stamp.items[0], stamp.items[1]
	}
	return stamp, meta, record, record.kind == kindMap
}

func oracleIsMarker(stamp node, sec uint32) bool {
	return stamp.kind == kindExt && stamp.ext == 0 && len(stamp.data) == 8 &&
		binary.BigEndian.Uint64(stamp.data) == uint64(sec)<<32
}

func oracleHas(n node, is func(key, value node) bool) bool {
	for i := 0; i < len(n.items); i += 2 {
		if is(n.items[i], n.items[i+1]) {
			return true
		}
	}
	return false
}

func oracleTime(n node) (sec int64, nsec uint32, ok bool) {
	const latest = 0xfffffffd
	var seconds float64
	switch v := n.num.(type) {
	case int64:
		seconds = float64(v)
	case uint64:
		seconds = float64(v)
	case float32:
		seconds = float64(v)
	case float64:
		seconds = v
	default:
		if n.kind != kindExt || n.ext != 0 || len(n.data) != 8 {
			return 0, 0, false
		}
		seconds = float64(binary.BigEndian.Uint32(n.data))
		nsec = min(binary.BigEndian.Uint32(n.data[4:]), 999999999)
	}
	switch {
	case math.IsNaN(seconds), seconds < 0:
		return 0, 0, true
	case seconds > latest:
		return latest, 0, true
	}
	sec = int64(math.Floor(seconds))
	if n.kind != kindExt {
		frac := math.Round((seconds - math.Floor(seconds)) * 1e9)
		if frac == 1e9 {
			return sec + 1, 0, true
		}
		nsec = uint32(frac)
	}
	return sec, nsec, true
}

func oracleContent(key, value string) *sls.LogContent {
	return &sls.LogContent{Key: proto.String(key), Value: proto.String(value)}
}

// marshalled are the bytes of a LogGroup of these Logs by the SDK's generated code.
func marshalled(tb testing.TB, logs []oracleLog) []byte {
	tb.Helper()
	group := &sls.LogGroup{}
	for _, l := range logs {
		group.Logs = append(group.Logs, l.Log)
	}
	out, err := proto.Marshal(group)
	require.NoError(tb, err)
	return out
}
