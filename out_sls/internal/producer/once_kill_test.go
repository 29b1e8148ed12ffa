package producer

import (
	"fmt"
	"os"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// What was open when the process was killed goes out under its number, whether it was
// stored or not.
func TestOnceAcrossKills(t *testing.T) {
	for name, lost := range map[string]func(*slsfake.Call){"stored": lostAnswer, "not stored": neverThere} {
		t.Run(name, func(t *testing.T) {
			runOnce(t, "flush_timeout=1s batch_count=5", func(t *testing.T, b *bench, sent *sentWrites) {
				remove := b.sls.Hook(slsfake.OpPutLogs, lost)
				c := onDisk(t, chunk(0, 10, 10))
				numbers := map[string]bool{}
				for range 3 { // the settling try itself is ambiguous
					require.Equal(t, Retry, b.flush(c))
					for _, s := range sent.list() {
						numbers[s] = true
					}
					require.Len(t, numbers, 2)
					b.kill()
					require.Zero(t, b.Stats().Forgotten)
					require.Equal(t, 2, b.numbers.Stats().Parked)
				}
				remove()
				require.Equal(t, OK, b.flush(c))
				b.requireOnce(0, 10)
				require.Zero(t, b.numbers.Stats().Parked)
				b.kill() // FLB_OK did not come through
				require.Zero(t, b.numbers.Stats().Parked)
				require.Equal(t, OK, b.flush(c))
				b.requireOnce(0, 10)
			})
		})
	}
}

// It is not on file that a number was refused, and a higher one of its key was accepted. Sent
// under its old number its segment would be refused as one that SLS has had, and be lost. As
// the frame may have been the end of any number before it, what was open then goes out under
// a new one, too: if it was stored, it is there twice.
func TestOnceAfterATornRefusal(t *testing.T) {
	for name, open := range map[string]func(*slsfake.Call){"nothing open": nil, "one open": lostAnswer} {
		t.Run(name, func(t *testing.T) {
			runOnce(t, "flush_timeout=1s", func(t *testing.T, b *bench, sent *sentWrites) {
				var chunks [][]byte
				if open != nil {
					remove := b.sls.Hook(slsfake.OpPutLogs, open)
					chunks = append(chunks, onDisk(t, chunk(0, 10, 10)))
					require.Equal(t, Retry, b.flush(chunks[0]))
					synctest.Wait()
					remove()
				}
				remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Fail(401, "Unauthorized", "") })
				refused := onDisk(t, chunk(100, 110, 10))
				require.Equal(t, Retry, b.flush(refused))
				remove()
				writes := sent.list()
				of := keyOf(writes[len(writes)-1])
				b.tearRefusal()
				for i := range 16 { // slots take turns
					chunks = append(chunks, onDisk(t, chunk(110+10*i, 120+10*i, 10)))
					require.Equal(t, OK, b.flush(chunks[len(chunks)-1]))
				}
				writes = sent.list()
				require.Equal(t, of+" 2", writes[len(writes)-1])
				b.kill()
				had := len(b.sls.RefusedSequences("pro", "logs")) // tries whose answers were lost
				for _, c := range append(chunks, refused) {
					require.Equal(t, OK, b.flush(c))
				}
				require.Len(t, b.sls.RefusedSequences("pro", "logs"), had)
				want := map[string]int{}
				for n := 100; n < 270; n++ {
					want[fmt.Sprint(n)] = 1
				}
				forgotten := uint64(1)
				if open != nil {
					for n := range 10 {
						want[fmt.Sprint(n)] = 2
					}
					forgotten++
				}
				require.Equal(t, want, b.stored())
				require.Equal(t, forgotten, b.numbers.Stats().Forgotten)
			})
		})
	}
}

// tearRefusal damages the last frame on file, which says that a number is over.
func (b *bench) tearRefusal() {
	b.t.Helper()
	const frame, kindAt, refused = 64, 4, 5
	file, err := os.OpenFile(b.cfg.StateFile(), os.O_RDWR, 0)
	require.NoError(b.t, err)
	defer file.Close()
	info, err := file.Stat()
	require.NoError(b.t, err)
	var kind [1]byte
	at := info.Size() - frame + kindAt
	_, err = file.ReadAt(kind[:], at)
	require.NoError(b.t, err)
	require.EqualValues(b.t, refused, kind[0])
	_, err = file.WriteAt([]byte{0xff}, at+16)
	require.NoError(b.t, err)
}

// An equal chunk does not take the number that the other has open on file: after a kill the
// refusal of that number would pass for the acceptance of both.
func TestOnceOfEqualChunksAcrossAKill(t *testing.T) {
	runOnce(t, "flush_timeout=1s", func(t *testing.T, b *bench, _ *sentWrites) {
		first, second := onDisk(t, chunk(0, 10, 10)), onDisk(t, chunk(0, 10, 10))
		remove := b.sls.Hook(slsfake.OpPutLogs, lostAnswer)
		require.Equal(t, Retry, b.flush(first))
		remove()
		require.Equal(t, OK, b.flush(second))
		b.kill()
		require.Equal(t, OK, b.flush(first))
		for n, times := range b.stored() {
			require.Equal(t, 2, times, n)
		}
		require.Len(t, b.stored(), 10)
		require.Zero(t, b.numbers.Stats())
	})
}
