package demo

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// maxChunk is about the size at which Fluent Bit closes a chunk and starts the
// next, in bytes.
const maxChunk = 2_000_000

// ChunkBuilder turns lines into a Fluent Bit chunk the way in_tail without a
// parser does: one event per line, the line under the key "log", no metadata.
// The zero value is an empty chunk.
//
// Source of the event form: Fluent Bit's log event format v2,
// [[EventTime, {}], {"log": line}] in msgpack, events one after the other.
type ChunkBuilder struct {
	buf   []byte
	lines int
}

// Add appends an event. It reports false, and appends nothing, when the chunk
// would pass 2,000,000 bytes; an empty chunk takes a line of any length.
func (b *ChunkBuilder) Add(t time.Time, line []byte) bool {
	const overhead = 3 + 10 + 1 + 4 + 5 // arrays and map, time, {}, "log", string header
	if b.lines > 0 && len(b.buf)+overhead+len(line) > maxChunk {
		return false
	}
	b.buf = appendEvent(b.buf, t, line)
	b.lines++
	return true
}

// Chunk returns the events added. The bytes are valid until the next Reset.
func (b *ChunkBuilder) Chunk() []byte { return b.buf[:len(b.buf):len(b.buf)] }

// Lines returns how many events the chunk holds.
func (b *ChunkBuilder) Lines() int { return b.lines }

// Reset empties the chunk and keeps its memory.
func (b *ChunkBuilder) Reset() { b.buf, b.lines = b.buf[:0], 0 }

// appendEvent appends
//
//	event     = array(2) header record
//	header    = array(2) EventTime map(0)
//	EventTime = fixext8, type 0, seconds and nanoseconds as big-endian uint32
//	record    = map(1) str("log") str(line)
//
// with every length in its shortest form, as msgpack-c writes it.
func appendEvent(dst []byte, t time.Time, line []byte) []byte {
	dst = append(dst, 0x92, 0x92, 0xd7, 0x00)
	dst = binary.BigEndian.AppendUint32(dst, uint32(t.Unix()))
	dst = binary.BigEndian.AppendUint32(dst, uint32(t.Nanosecond()))
	dst = append(dst, 0x80, 0x81, 0xa3, 'l', 'o', 'g')
	return AppendString(dst, line)
}

// AppendString appends a msgpack string, its length in the shortest form.
func AppendString[T string | []byte](dst []byte, s T) []byte {
	switch n := len(s); {
	case n < 32:
		dst = append(dst, 0xa0|byte(n))
	case n <= math.MaxUint8:
		dst = append(dst, 0xd9, byte(n))
	case n <= math.MaxUint16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0xda), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, 0xdb), uint32(n))
	}
	return append(dst, s...)
}

// EachChunk reads r to its end and calls emit for every chunk with the number
// of its lines; the chunk is valid until emit returns. now gives each line its
// time. It returns how many lines were emitted, and the first error of r or
// emit.
//
// Lines are what in_tail takes for lines: up to a line feed, without the
// carriage return before it, empty ones included, and what follows the last
// line feed is not a line yet. Unlike in_tail with its defaults it takes lines
// longer than 32 KiB.
func EachChunk(r io.Reader, now func() time.Time, emit func(chunk []byte, lines int) error) (lines int, err error) {
	var b ChunkBuilder
	flush := func() error {
		if b.Lines() == 0 {
			return nil
		}
		if err := emit(b.Chunk(), b.Lines()); err != nil {
			return err
		}
		lines += b.Lines()
		b.Reset()
		return nil
	}
	err = EachLine(r, func(line []byte) error {
		t := now()
		if b.Add(t, line) {
			return nil
		}
		if err := flush(); err != nil {
			return err
		}
		b.Add(t, line)
		return nil
	})
	if err == nil {
		err = flush()
	}
	return lines, err
}

// EachLine calls line for every line of r, as in_tail takes them: see EachChunk.
// The bytes are valid until line returns.
func EachLine(r io.Reader, line func([]byte) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		b, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read lines: %w", err)
		}
		if err := line(trimLineEnd(b)); err != nil {
			return err
		}
	}
}

// trimLineEnd removes the line feed and one carriage return before it; in_tail
// keeps a carriage return that is all there is on the line.
func trimLineEnd(line []byte) []byte {
	line = line[:len(line)-1]
	if len(line) < 2 {
		return line
	}
	return bytes.TrimSuffix(line, []byte("\r"))
}
