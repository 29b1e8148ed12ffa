package journal

import (
	"encoding/hex"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// numbered is number n under a key for all of segment 0.
func numbered(key byte, n uint64) Number {
	return Number{Key: Key{0: key}, Number: n, Place: 7, Span: all}
}

// send puts a number on file.
func send(t *testing.T, j *Journal, c *Chunk, n Number) {
	t.Helper()
	c.Cut(1)
	require.NoError(t, j.Send(c, n))
}

// The bytes of a number and of what it carries, which the next version has to read.
func TestNumberBytes(t *testing.T) {
	for _, c := range []struct {
		f    frame
		want string
	}{
		{
			frame{kind: kindNumber, at: time.UnixMilli(0x0102030405), key: Key{0: 0xaa, 15: 0xbb}, boot: 0x1122334455667788, number: 9, place: 0x99, rewrite: Rewrite{At: 0x0a0b, All: true}},
			"03" + "01" + "050403020100" + "aa0000000000000000000000000000bb" + "8877665544332211" + "0900000000000000" + "0b0a000000000000" + "99000000" + "0000000000000000",
		},
		{
			frame{kind: kindSent, at: time.UnixMilli(0x0102030405), id: ID{0: 0xaa}, fingerprint: 1, segment: 3, total: 4, origin: 0x99, spans: [2]Span{{1, 2}}},
			"04" + "00" + "050403020100" + "aa000000000000000000000000000000" + "0100000000000000" + "03000000" + "04000000" + "99000000" + "0100000002000000" + "0000000000000000",
		},
		{
			frame{kind: kindRefused, at: time.UnixMilli(0x0102030405), key: Key{0: 0xaa, 15: 0xbb}, number: 9},
			"05" + "00" + "050403020100" + "aa0000000000000000000000000000bb" + "0000000000000000" + "0900000000000000" + "0000000000000000" + "00000000" + "0000000000000000",
		},
	} {
		b := c.f.append(nil)
		require.Equal(t, c.want, hex.EncodeToString(b[4:]))
		require.Equal(t, c.f, readFrame(b))
	}
}

// What goes out under a number is found by the next instance, for that chunk only.
func TestNumberOutlivesAKill(t *testing.T) {
	both(t, func(t *testing.T, f *folder) {
		chunk, equal := f.chunk("records", before()), f.chunk("records", before())
		j := f.start()
		n := numbered(1, 5)
		n.Rewrite = Rewrite{At: 17, All: true}
		send(t, j, begin(j, chunk), n)
		for range 2 { // a second kill finds it again
			j = f.restart(j)
			require.Equal(t, 1, j.Stats().Waiting)
			require.Zero(t, j.Stats().Entries)
			c := begin(j, chunk)
			require.Equal(t, []Number{n}, c.Sent(0))
			require.True(t, j.Claim(n))
			require.False(t, j.Claim(n), "by one request")
			require.Zero(t, j.Stats().Waiting)
		}
		j = f.restart(j)
		require.Nil(t, begin(j, equal).Sent(0), "another chunk of equal bytes")
		require.True(t, j.Claim(n), "it is the first one's still")
		f.kill(j)
	})
}

// A number is over when it is accepted, refused, or another is sent under its key.
func TestNumberEnds(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, j *Journal, c *Chunk){
		"accepted": func(t *testing.T, j *Journal, c *Chunk) { accept(t, j, c, all) },
		"refused":  func(t *testing.T, j *Journal, _ *Chunk) { require.NoError(t, j.Refuse(numbered(1, 5))) },
		"higher": func(t *testing.T, j *Journal, c *Chunk) {
			n := numbered(1, 6)
			n.Segment = 1
			send(t, j, c, n)
			require.NoError(t, j.Refuse(n))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFolder(t)
			chunk := f.chunk("records", before())
			j := f.start()
			c := begin(j, chunk)
			send(t, j, c, numbered(1, 5))
			end(t, j, c)
			j = f.restart(j)
			require.Zero(t, j.Stats().Waiting)
			require.Zero(t, j.Stats().Forgotten)
			require.Nil(t, begin(j, chunk).Sent(0))
			f.kill(j)
		})
	}
}

// What is accepted of one of two equal chunks says nothing of the number of the other.
func TestNumberOfAnEqualChunkStaysOpen(t *testing.T) {
	both(t, func(t *testing.T, f *folder) {
		chunk, equal := f.chunk("records", before()), f.chunk("records", before())
		j := f.start()
		c := begin(j, equal)
		send(t, j, c, numbered(2, 1))
		send(t, j, begin(j, chunk), numbered(1, 5))
		accept(t, j, c, all)
		j = f.restart(j)
		require.Equal(t, []Number{numbered(1, 5)}, begin(j, chunk).Sent(0))
		require.Nil(t, begin(j, equal).Sent(0))
		require.Equal(t, []Span{all}, begin(j, equal).Accepted(0))
		f.kill(j)
	})
}

// A power loss can have left an older file: a number that is open there is long over.
func TestNumbersOfAnotherBootAreNotTrusted(t *testing.T) {
	f := newFolder(t)
	chunk := f.chunk("records", before())
	for _, boot := range []uint64{1, 0} {
		j := f.start()
		j.boot = boot
		send(t, j, begin(j, chunk), numbered(1, 5))
		j = f.restart(j)
		require.Zero(t, j.Stats().Waiting)
		require.Nil(t, begin(j, chunk).Sent(0))
		require.NotZero(t, j.Stats().Forgotten)
		f.kill(j)
		require.NoError(t, os.Remove(f.file()))
	}
}

// Where a frame cannot be read, it may have said that a number is over.
func TestTornFrameVoidsTheNumbersBeforeIt(t *testing.T) {
	f := newFolder(t)
	first, second := f.chunk("first", before()), f.chunk("second", before())
	j := f.start()
	send(t, j, begin(j, first), numbered(1, 5))
	require.NoError(t, j.Refuse(numbered(1, 5)))
	torn := int64(len(j.index.prev)-1) * frameSize
	send(t, j, begin(j, second), numbered(2, 1))
	f.kill(j)
	file, err := os.OpenFile(f.file(), os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = file.WriteAt([]byte{1}, torn+20)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	j = f.start()
	require.Nil(t, begin(j, first).Sent(0))
	require.Equal(t, []Number{numbered(2, 1)}, begin(j, second).Sent(0))
	require.EqualValues(t, 1, j.Stats().Forgotten)
	f.kill(j)
}

// One frame without the other is of a write that never went out.
func TestHalfANumberStatesNothing(t *testing.T) {
	f := newFolder(t)
	chunk := f.chunk("records", before())
	j := f.start()
	send(t, j, begin(j, chunk), numbered(1, 5))
	f.kill(j)
	require.NoError(t, os.Truncate(f.file(), 2*frameSize))
	j = f.start()
	require.Zero(t, j.Stats().Waiting)
	accept(t, j, begin(j, chunk), all)
	j = f.restart(j)
	require.Equal(t, []Span{all}, begin(j, chunk).Accepted(0))
	f.kill(j)
}

// Numbers without an answer have room of their own, and stay when a full file is replaced.
func TestNumbersStayInAFullFile(t *testing.T) {
	f := newFolder(t)
	chunk := f.chunk("records", before())
	j := f.start()
	send(t, j, begin(j, chunk), numbered(1, 5))
	j = f.restart(j)
	fillDisk(t, f, j, 3*j.capacity)
	require.Equal(t, 1, j.Stats().Waiting)
	require.Equal(t, []Number{numbered(1, 5)}, begin(j, chunk).Sent(0))
	j = f.restart(j)
	require.Equal(t, []Number{numbered(1, 5)}, begin(j, chunk).Sent(0))
	f.kill(j)
}

// fillDisk states n times that a segment of one chunk is accepted.
func fillDisk(t *testing.T, f *folder, j *Journal, n int) {
	t.Helper()
	c := begin(j, f.chunk("fill", before()))
	for i := range n {
		require.NoError(t, j.Accept([]Accepted{{Chunk: c, Segment: i, Spans: []Span{all}}}))
	}
}

// At most so many wait, and the oldest have to go.
func TestNumbersAreBounded(t *testing.T) {
	f := newFolder(t)
	f.size = 4 << 20
	chunk := f.chunk("records", before())
	j := f.start()
	c := begin(j, chunk)
	of := func(i int) Number {
		return Number{Key: Key{byte(i), byte(i >> 8)}, Number: 1, Segment: i, Span: all}
	}
	for i := range MaxNumbers + 10 {
		require.NoError(t, j.Send(c, of(i)))
	}
	j = f.restart(j)
	require.Equal(t, MaxNumbers, j.Stats().Waiting)
	require.EqualValues(t, 10, j.Stats().Forgotten)
	require.False(t, j.Claim(of(9)))
	require.True(t, j.Evict())
	require.False(t, j.Claim(of(10)), "the oldest")
	require.True(t, j.Claim(of(11)))
	f.kill(j)
}

// Numbers of another configuration are of other logs.
func TestNumbersOfAnotherConfigurationAreLeftAlone(t *testing.T) {
	f := newFolder(t)
	chunk := f.chunk("records", before())
	j := f.start()
	send(t, j, begin(j, chunk), numbered(1, 5))
	f.kill(j)
	f.marks = 2
	j = f.start()
	require.Nil(t, begin(j, chunk).Sent(0))
	f.kill(j)
	f.marks = 1
	j = f.start()
	require.Equal(t, []Number{numbered(1, 5)}, begin(j, chunk).Sent(0))
	f.kill(j)
}

// Nothing may be sent when a number cannot be put on file, and a refusal that cannot be
// put there takes the file with it.
func TestNumbersOnAFullDisk(t *testing.T) {
	f := newFolder(t)
	chunk := f.chunk("records", before())
	j := f.start()
	c := begin(j, chunk)
	send(t, j, c, numbered(1, 5))
	full := errors.New("no space left on device")
	write := j.store.writeAt
	j.store.writeAt = func(*os.File, []byte, int64) (int, error) { return 0, full }
	require.ErrorIs(t, j.Send(c, numbered(2, 1)), full)
	require.ErrorIs(t, j.Refuse(numbered(1, 5)), full)
	require.Error(t, j.Send(c, numbered(2, 1)))
	j.store.writeAt = write
	j = f.restart(j)
	require.Nil(t, begin(j, chunk).Sent(0))
	require.NoError(t, j.Ready())
	other := f.start()
	require.ErrorIs(t, other.Ready(), errNotHeld)
	require.ErrorIs(t, other.Send(begin(other, chunk), numbered(3, 1)), errNotHeld)
	f.kill(other)
	f.kill(j)
}

// What lies in memory has no number on file.
func TestNumbersOfChunksInMemoryAreNotOnFile(t *testing.T) {
	f := newFolder(t)
	j := f.start()
	send(t, j, begin(j, []byte("records")), numbered(1, 5))
	require.Empty(t, j.index.open)
	f.kill(j)
}
