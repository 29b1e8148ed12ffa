package flbhost

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFrame(t *testing.T) {
	t.Parallel()
	body := appendString(appendU32(nil, 7), "seven")
	big := bytes.Repeat([]byte{1}, 3*growStep)
	stream := appendFrame(nil, evDone, 1<<40, body, 0)
	head := appendString(appendU32(appendU32(appendU32(nil, 9), 3), 1), "a.tag")
	stream = append(appendFrame(stream, evData, 0, head, len(big)), big...)
	r := bytes.NewReader(stream)
	f, err := readFrame(r)
	require.NoError(t, err)
	require.Equal(t, frame{kind: evDone, id: 1 << 40, body: body}, f)
	f, err = readFrame(r)
	require.NoError(t, err)
	id, at, tag, buf, err := decodeData(f.body)
	require.NoError(t, err)
	require.EqualValues(t, 9, id)
	require.EqualValues(t, 1<<32+3, at)
	require.Equal(t, "a.tag", tag)
	require.Equal(t, big, buf)
	_, err = readFrame(r)
	require.Equal(t, io.EOF, err)

	for cut := 1; cut < len(stream); cut += 1 + cut/2 {
		r := bytes.NewReader(stream[:cut])
		for err = nil; err == nil; {
			_, err = readFrame(r)
		}
		require.True(t, isEOF(err))
	}
	for _, size := range []uint32{0, frameHead - 1, maxFrame + 1, 1<<32 - 1} {
		head := binary.LittleEndian.AppendUint32(nil, size)
		_, err := readFrame(bytes.NewReader(append(head, make([]byte, 64)...)))
		require.ErrorContains(t, err, "frame of")
	}
}

func TestFieldsEndEarly(t *testing.T) {
	t.Parallel()
	whole := appendString(appendString(appendU32(appendU32(nil, 1), 2), "name"), "text")
	p, err := decodePlugin(whole)
	require.NoError(t, err)
	require.Equal(t, Plugin{id: 1, Direction: Output, Name: "name", Description: "text"}, p)
	for cut := range whole {
		_, err := decodePlugin(whole[:cut])
		require.ErrorIs(t, err, errShortField)
	}
}

// Whatever arrives on the event pipe: an error or frames, never a panic, and
// never memory out of proportion to what was sent.
func FuzzFrame(f *testing.F) {
	f.Add([]byte{})
	f.Add(appendFrame(nil, evLog, 0, appendString(nil, "line"), 0))
	f.Add(appendFrame(appendFrame(nil, evError, 1, appendString(nil, "no"), 0), evData, 0, []byte{1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 't', 'x'}, 0))
	f.Add(appendFrame(nil, evDone, 3, appendString(appendU32(appendU32(nil, 1), 2), "name"), 1<<29))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := bytes.NewReader(stream)
		var again []byte
		for {
			fr, err := readFrame(r)
			if err != nil {
				break
			}
			again = appendFrame(again, fr.kind, fr.id, fr.body, 0)
			checkDecoders(t, fr.body)
		}
		require.Equal(t, stream[:len(again)], append([]byte{}, again...))
	})
}

func checkDecoders(t *testing.T, body []byte) {
	if p, err := decodePlugin(body); err == nil {
		require.LessOrEqual(t, len(p.Name)+len(p.Description)+16, len(body))
	}
	if _, name, err := decodeInstance(body); err == nil {
		require.LessOrEqual(t, len(name)+8, len(body))
	}
	if _, _, err := decodeFlushed(body); err == nil {
		require.GreaterOrEqual(t, len(body), 8)
	}
	if text, err := decodeText(body); err == nil {
		require.LessOrEqual(t, len(text)+4, len(body))
	}
	if _, _, tag, buf, err := decodeData(body); err == nil {
		require.Equal(t, body[16+len(tag):], buf)
	}
}
