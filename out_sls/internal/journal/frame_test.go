package journal

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The bytes of a frame, which the next version has to read.
func TestFrameBytes(t *testing.T) {
	f := frame{
		kind: kindAccepted, settled: true, at: time.UnixMilli(0x0102030405), id: ID{0: 0xaa, 15: 0xbb},
		fingerprint: 0x1122334455667788, segment: 3, total: 4, origin: 0x99, spans: [2]Span{{1, 2}, {5, 6}},
	}
	b := f.append(nil)
	require.Equal(t, "01"+"01"+"050403020100"+"aa0000000000000000000000000000bb"+"8877665544332211"+
		"03000000"+"04000000"+"99000000"+"0100000002000000"+"0500000006000000", hex.EncodeToString(b[4:]))
	require.Equal(t, f, readFrame(b))
	for i := range b {
		b[i] ^= 1
		require.Equal(t, frame{}, readFrame(b), "byte %d", i)
		b[i] ^= 1
	}
	require.Equal(t, frame{}, readFrame(make([]byte, frameSize)), "a hole")
}

func TestHead(t *testing.T) {
	b := appendHead(nil, thisBoot())
	require.Len(t, b, frameSize)
	of, err := readHead(b)
	require.NoError(t, err)
	require.Equal(t, thisBoot(), of)
	require.NotZero(t, of)
}

func FuzzFrame(f *testing.F) {
	f.Add((&frame{kind: kindAccepted, at: time.UnixMilli(1)}).append(nil))
	for _, k := range []kind{kindNumber, kindSent, kindRefused} {
		f.Add((&frame{kind: k, at: time.UnixMilli(1), number: 3, segment: 4}).append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got := readFrame(b)
		if got.kind == kindNone {
			require.Equal(t, frame{}, got)
			return
		}
		require.Equal(t, got, readFrame(got.append(nil)))
	})
}

// Whatever lies where the file should be, an instance starts, and goes by nothing but
// frames that are intact.
func FuzzFile(f *testing.F) {
	head := appendHead(nil, boot{})
	id := Identify("tag", []byte("records"))
	stated := frame{kind: kindAccepted, at: time.Now(), id: id, spans: [2]Span{all}}
	f.Add(stated.append(head))
	f.Add(stated.append(stated.append(stated.append(head)))[:200])
	f.Add(append(stated.append(head), 1, 2, 3))
	number := frame{kind: kindNumber, at: time.Now(), number: 1, boot: thisBoot().mark()}
	sent := frame{kind: kindSent, at: time.Now(), id: id, spans: [2]Span{all}}
	refused := frame{kind: kindRefused, number: 1}
	f.Add(sent.append(number.append(head)))
	f.Add(refused.append(sent.append(number.append(head))))
	f.Add(sent.append(refused.append(number.append(head))))
	f.Add(head)
	f.Fuzz(func(t *testing.T, b []byte) {
		fo := newFolder(t)
		require.NoError(t, os.WriteFile(fo.file(), b, 0o600))
		j := fo.start()
		require.True(t, j.Stats().Held)
		intactFrames := 0
		for at := frameSize; at+frameSize <= len(b); at += frameSize {
			if readFrame(b[at:at+frameSize]).kind == kindAccepted {
				intactFrames++
			}
		}
		require.LessOrEqual(t, j.Stats().Entries, intactFrames)
		chunk := fo.chunk("records", before())
		c := begin(j, chunk)
		accept(t, j, c, all)
		fo.kill(j)
		j = fo.start()
		require.Equal(t, []Span{all}, begin(j, chunk).Accepted(0))
		fo.kill(j)
		_, err := filepath.Glob(fo.path)
		require.NoError(t, err)
	})
}
