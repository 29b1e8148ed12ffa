package store

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"fluent-bit-sls/tests/campaign/output/record"
	"fluent-bit-sls/tests/campaign/plan"
)

func makeChunks(seed uint64, n int) (chunks []*Chunk) {
	c := plan.Plan{Seed: seed}
	f := NewFeed(&c, 1, "a", record.NewTemplates(&c), func() time.Duration { return 0 }, func(*Chunk) {})
	for range n {
		chunks = append(chunks, f.make())
	}
	return chunks
}

// The seed decides the chunks, whatever happens between them.
func TestSeedDecidesTheChunks(t *testing.T) {
	one, same, other := makeChunks(1, 30), makeChunks(1, 30), makeChunks(2, 30)
	for i := range one {
		require.Equal(t, one[i].Tag, same[i].Tag)
		require.True(t, bytes.Equal(one[i].Data, same[i].Data), "chunk %d", i)
		require.False(t, bytes.Equal(one[i].Data, other[i].Data), "chunk %d", i)
	}
}

// Every chunk is valid msgpack, its records are numbered without a gap, and all
// sizes and kinds come.
func TestChunks(t *testing.T) {
	var smallest, largest int
	kinds := map[int]bool{}
	next := uint32(0)
	for _, c := range makeChunks(1, 100) {
		require.Equal(t, next, c.From)
		next = c.To
		records, markers := 0, 0
		r := bytes.NewReader(c.Data)
		for d := msgpack.NewDecoder(r); r.Len() > 0; {
			sec, nsec := event(t, d)
			if sec >= record.GroupEnd {
				markers++
				continue
			}
			id := record.ID{Feed: sec - record.FirstSecond, Seq: nsec}
			require.Equal(t, record.ID{Feed: 1, Seq: c.From + uint32(records)}, id)
			records++
		}
		require.EqualValues(t, c.To-c.From, records)
		require.Contains(t, []int{0, 2}, markers)
		if records == 1 {
			smallest++
		}
		if len(c.Data) > 1_000_000 {
			largest++
		}
		require.Less(t, len(c.Data), maxChunkBytes+100_000)
		templates := record.NewTemplates(&plan.Plan{Seed: 1})
		for seq := c.From; seq < c.To; seq++ {
			kinds[templates.Of(record.ID{Feed: 1, Seq: seq})] = true
		}
	}
	require.Positive(t, smallest)
	require.Positive(t, largest)
	require.Len(t, kinds, record.TemplateCount)
}

// event reads one event with the reference library.
func event(t *testing.T, d *msgpack.Decoder) (sec, nsec uint32) {
	n, err := d.DecodeArrayLen()
	require.NoError(t, err)
	require.Equal(t, 2, n)
	code, err := d.PeekCode()
	require.NoError(t, err)
	v2 := code == 0x92
	if v2 {
		_, err = d.DecodeArrayLen()
		require.NoError(t, err)
	}
	id, length, err := d.DecodeExtHeader()
	require.NoError(t, err)
	require.EqualValues(t, 0, id)
	require.Equal(t, 8, length)
	var b [8]byte
	require.NoError(t, d.ReadFull(b[:]))
	if v2 {
		require.NoError(t, d.Skip())
	}
	require.NoError(t, d.Skip())
	be := func(b []byte) uint32 { return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]) }
	return be(b[:4]), be(b[4:])
}

// A chunk given back comes again, with the same bytes and not before its time;
// no more are made than the store takes; and the end comes when all are settled.
func TestStore(t *testing.T) {
	now := time.Duration(0)
	c := plan.Plan{Seed: 1}
	f := NewFeed(&c, 0, "a", record.NewTemplates(&c), func() time.Duration { return now }, func(*Chunk) {})
	open := map[*Chunk]string{}
	for {
		c, done := f.Take()
		require.False(t, done)
		if c == nil {
			break
		}
		open[c] = string(c.Data)
		require.LessOrEqual(t, len(open), maxOpenChunks)
	}
	require.Equal(t, len(open), f.Pending())
	for c := range open {
		f.GiveBack(c, true)
	}
	c0, done := f.Take()
	require.Nil(t, c0, "before its back-off")
	require.False(t, done)
	f.Close()
	now = time.Minute
	for range len(open) {
		c, done := f.Take()
		require.False(t, done)
		require.Equal(t, open[c], string(c.Data))
		require.Equal(t, 2, c.Flushes)
		delete(open, c)
		f.Discard(c)
	}
	_, done = f.Take()
	require.True(t, done)
	require.Zero(t, f.Pending())
}
