package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

func makeChunks(seed uint64, n int) (chunks []*chunk) {
	c := config{seed: seed}
	f := newFeed(&c, 1, "a", &checker{ledger: newLedger(), templates: newTemplates(&c), feeds: make([]feedRecords, 2)})
	for range n {
		chunks = append(chunks, f.make())
	}
	return chunks
}

// The seed decides the chunks, whatever happens between them.
func TestSeedDecidesTheChunks(t *testing.T) {
	one, same, other := makeChunks(1, 30), makeChunks(1, 30), makeChunks(2, 30)
	for i := range one {
		require.Equal(t, one[i].tag, same[i].tag)
		require.True(t, bytes.Equal(one[i].data, same[i].data), "chunk %d", i)
		require.False(t, bytes.Equal(one[i].data, other[i].data), "chunk %d", i)
	}
}

// Every chunk is valid msgpack, its records are numbered without a gap, and all
// sizes and kinds come.
func TestChunks(t *testing.T) {
	var smallest, largest int
	kinds := map[int]bool{}
	next := uint32(0)
	for _, c := range makeChunks(1, 100) {
		require.Equal(t, next, c.from)
		next = c.to
		records, markers := 0, 0
		r := bytes.NewReader(c.data)
		for d := msgpack.NewDecoder(r); r.Len() > 0; {
			sec, nsec := event(t, d)
			if sec >= groupEnd {
				markers++
				continue
			}
			id := recordID{sec - firstSecond, nsec}
			require.Equal(t, recordID{1, c.from + uint32(records)}, id)
			records++
		}
		require.EqualValues(t, c.to-c.from, records)
		require.Contains(t, []int{0, 2}, markers)
		if records == 1 {
			smallest++
		}
		if len(c.data) > 1_000_000 {
			largest++
		}
		require.Less(t, len(c.data), maxChunkBytes+100_000)
		templates := templates{seed: 1, all: make([]template, templateCount)}
		for seq := c.from; seq < c.to; seq++ {
			kinds[templates.of(recordID{1, seq})] = true
		}
	}
	require.Positive(t, smallest)
	require.Positive(t, largest)
	require.Len(t, kinds, templateCount)
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
	c := config{seed: 1}
	f := newFeed(&c, 0, "a", &checker{ledger: newLedger(), templates: newTemplates(&c), feeds: make([]feedRecords, 1)})
	f.clock = func() time.Duration { return now }
	open := map[*chunk]string{}
	for {
		c, done := f.take()
		require.False(t, done)
		if c == nil {
			break
		}
		open[c] = string(c.data)
		require.LessOrEqual(t, len(open), maxOpenChunks)
	}
	require.Equal(t, len(open), f.pending())
	for c := range open {
		f.giveBack(c, true)
	}
	c0, done := f.take()
	require.Nil(t, c0, "before its back-off")
	require.False(t, done)
	f.close()
	now = time.Minute
	for range len(open) {
		c, done := f.take()
		require.False(t, done)
		require.Equal(t, open[c], string(c.data))
		require.Equal(t, 2, c.flushes)
		delete(open, c)
		f.settle(c)
	}
	_, done = f.take()
	require.True(t, done)
	require.Zero(t, f.pending())
}
