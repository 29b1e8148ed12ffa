package rivals

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/bench/rig"
)

// pulled is a pull's answer.
type pulled struct {
	rig.Chunk
	list   []byte // LogGroupList
	packed []byte // compressed
}

func newPulled(b *testing.B, set rig.Chunk) pulled {
	b.Helper()
	list, err := rig.GroupList(set)
	require.NoError(b, err)
	return pulled{set, list, sls.Compress(sls.LZ4, nil, list)}
}

// ours decompresses and decodes into buffers that are used again, as the reader
// of a shard does.
type ours struct {
	list    loggroup.ListReader
	decoder loggroup.Decoder
	raw     []byte
	events  []byte
}

func (o *ours) run(p pulled) (records int, err error) {
	if o.raw, err = sls.Decompress(sls.LZ4, o.raw[:0], p.packed, len(p.list)); err != nil {
		return 0, err
	}
	o.events = o.events[:0]
	o.list.Reset(o.raw)
	for {
		group, err := o.list.Next()
		if errors.Is(err, io.EOF) {
			return records, nil
		}
		if err != nil {
			return records, err
		}
		var n int
		if o.events, n, err = o.decoder.AppendEvents(o.events, group); err != nil {
			return records, err
		}
		records += n
	}
}

// theirs is the same with the SDK's types and msgpack/v5.
type theirs struct {
	raw []byte
	buf bytes.Buffer
	enc *msgpack.Encoder
}

func (t *theirs) run(p pulled) (records int, err error) {
	if _, err = lz4.UncompressBlock(p.packed, t.raw); err != nil {
		return 0, err
	}
	list, err := sdk.LogsBytesDecode(t.raw)
	if err != nil {
		return 0, err
	}
	t.buf.Reset()
	for _, g := range list.LogGroups {
		for _, log := range g.Logs {
			if err := t.event(log); err != nil {
				return records, err
			}
			records++
		}
	}
	return records, nil
}

// event encodes [[EventTime, {}], {...}].
func (t *theirs) event(log *sdk.Log) error {
	t.buf.Write([]byte{0x92, 0x92, 0xd7, 0})
	var stamp [8]byte
	binary.BigEndian.PutUint32(stamp[:], log.GetTime())
	binary.BigEndian.PutUint32(stamp[4:], log.GetTimeNs())
	t.buf.Write(stamp[:])
	t.buf.WriteByte(0x80)
	if err := t.enc.EncodeMapLen(len(log.Contents)); err != nil {
		return err
	}
	for _, c := range log.Contents {
		if err := t.enc.EncodeString(c.GetKey()); err != nil {
			return err
		}
		if err := t.enc.EncodeString(c.GetValue()); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkDecode compares the two ways from a pull's compressed answer to the
// events for the engine.
func BenchmarkDecode(b *testing.B) {
	for _, set := range rig.Sets(b, rig.ChunkSize) {
		p := newPulled(b, set)
		us, them := &ours{}, &theirs{raw: make([]byte, len(p.list))}
		them.enc = msgpack.NewEncoder(&them.buf)
		decode := func(run func(pulled) (int, error)) {
			n, err := run(p)
			if err != nil || n != set.Records {
				b.Fatalf("decoded %d of %d logs: %v", n, set.Records, err)
			}
		}
		b.Run(set.Name+"/engine", func(b *testing.B) {
			for b.Loop() {
				rig.CPUEach(b, 60, rig.Work{Do: func() { decode(us.run) }})
				allocs := testing.AllocsPerRun(10, func() { decode(us.run) })
				b.ReportMetric(allocs/float64(set.Records), "allocs/log")
			}
		})
		b.Run(set.Name+"/sdk", func(b *testing.B) {
			for b.Loop() {
				rig.CPUEach(b, 10, rig.Work{Do: func() { decode(them.run) }})
			}
			require.Equal(b, us.events, them.buf.Bytes(), "both make the same events")
		})
	}
}
