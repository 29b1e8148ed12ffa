package buffer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/buffer"
)

func TestGetHasRoom(t *testing.T) {
	var p buffer.Pool
	for _, n := range []int{0, 1, 4096, 4097, 65536, 65537, 1 << 20, 1<<24 + 1} {
		for range 2 { // a new one, and one that came back
			b := p.Get(n)
			require.Empty(t, b)
			require.GreaterOrEqual(t, cap(b), n)
			require.Equal(t, buffer.Room(n), cap(b))
			p.Put(append(b, make([]byte, n)...))
		}
	}
}

func TestGrownBufferServesWhatItHasRoomFor(t *testing.T) {
	var p buffer.Pool
	p.Put(nil)
	p.Put(make([]byte, 10, 100_000))
	require.GreaterOrEqual(t, cap(p.Get(65536)), 65536)
	p.Put(make([]byte, 10, 100_000))
	require.GreaterOrEqual(t, cap(p.Get(65537)), 65537)
}

func TestFitSavesHalfOrMore(t *testing.T) {
	var p buffer.Pool
	b := p.Fit(append(make([]byte, 0, 1<<20), "abc"...))
	require.Equal(t, "abc", string(b))
	require.Less(t, cap(b), 1<<17)
	full := append(make([]byte, 0, 1<<17), make([]byte, 1<<16+1)...)
	require.Equal(t, 1<<17, cap(p.Fit(full)))
}

// No buffer has more than a quarter to spare, and what is put back serves its size again.
func TestBuffersFit(t *testing.T) {
	for n := 4096; n <= 1<<24; n += 1 + n/31 {
		room := buffer.Room(n)
		require.GreaterOrEqual(t, room, n)
		require.LessOrEqual(t, room-n, n/4, n)
		require.Equal(t, room, buffer.Room(room))
		if room != n {
			continue
		}
		var p buffer.Pool
		b := make([]byte, 0, n)
		again := false
		for range 100 { // with the race detector a sync.Pool loses some at random
			p.Put(b)
			again = again || &b[:1][0] == &p.Get(n)[:1][0]
		}
		require.True(t, again, n)
	}
}
