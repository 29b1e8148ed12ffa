package flbhost

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Frame kinds, see host/flbhost.h.
const (
	reqLoad      = 1
	reqInit      = 2
	reqFlush     = 3
	reqPause     = 4
	reqResume    = 5
	reqReload    = 6
	reqExit      = 7
	reqRing      = 8
	reqFail      = 9
	reqFlushFile = 10

	evDone  = 0x81
	evError = 0x82
	evLog   = 0x83
	evData  = 0x84
)

// allInstances is the instance of a pause that means every input.
const allInstances = ^uint32(0)

const (
	frameHead = 1 + 8 // kind and id, counted by the length
	maxFrame  = 1 << 30
	// growStep bounds what a length alone makes the reader allocate.
	growStep = 1 << 20
)

var errShortField = errors.New("frame ends inside a field")

// frame is u32 length | u8 kind | u64 id | body, all little-endian; the length
// counts what follows it.
type frame struct {
	kind byte
	id   uint64
	body []byte
}

// readFrame reads one frame. The body is the caller's to keep. io.EOF means
// that the stream ended between two frames.
func readFrame(r io.Reader) (frame, error) {
	var head [4 + frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	size := binary.LittleEndian.Uint32(head[:])
	if size < frameHead || size > maxFrame {
		return frame{}, fmt.Errorf("frame of %d bytes", size)
	}
	f := frame{kind: head[4], id: binary.LittleEndian.Uint64(head[5:])}
	want := int(size - frameHead)
	if want <= growStep {
		f.body = make([]byte, want)
		if _, err := io.ReadFull(r, f.body); err != nil {
			return frame{}, noEOF(err)
		}
		return f, nil
	}
	var buf bytes.Buffer
	buf.Grow(growStep)
	if _, err := io.CopyN(&buf, r, int64(want)); err != nil {
		return frame{}, noEOF(err)
	}
	f.body = buf.Bytes()
	return f, nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// appendFrame appends a frame whose body is fields followed by rest bytes that
// the caller writes itself.
func appendFrame(dst []byte, kind byte, id uint64, fields []byte, rest int) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(frameHead+len(fields)+rest))
	dst = append(dst, kind)
	dst = binary.LittleEndian.AppendUint64(dst, id)
	return append(dst, fields...)
}

func appendU32(dst []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(dst, v) }

func appendBool(dst []byte, on bool) []byte {
	if on {
		return appendU32(dst, 1)
	}
	return appendU32(dst, 0)
}

func appendString(dst []byte, s string) []byte {
	return append(appendU32(dst, uint32(len(s))), s...)
}

// fields takes a body apart; the first failure sticks.
type fields struct {
	rest []byte
	err  error
}

func (f *fields) u32() uint32 {
	if f.err != nil || len(f.rest) < 4 {
		f.err = errShortField
		return 0
	}
	v := binary.LittleEndian.Uint32(f.rest)
	f.rest = f.rest[4:]
	return v
}

// bytes returns a field that aliases the body.
func (f *fields) bytes() []byte {
	n := f.u32()
	if f.err != nil || uint64(n) > uint64(len(f.rest)) {
		f.err = errShortField
		return nil
	}
	b := f.rest[:n:n]
	f.rest = f.rest[n:]
	return b
}

func (f *fields) string() string { return string(f.bytes()) }

func decodePlugin(body []byte) (Plugin, error) {
	f := fields{rest: body}
	p := Plugin{id: f.u32(), Direction: Direction(f.u32()), Name: f.string(), Description: f.string()}
	return p, f.err
}

func decodeInstance(body []byte) (id uint32, name string, err error) {
	f := fields{rest: body}
	id, name = f.u32(), f.string()
	return id, name, f.err
}

func decodeFlushed(body []byte) (result Result, stack int, err error) {
	f := fields{rest: body}
	result, stack = Result(f.u32()), int(f.u32())
	return result, stack, f.err
}

// decodeText reads the text of evError and the line of evLog.
func decodeText(body []byte) (string, error) {
	f := fields{rest: body}
	return f.string(), f.err
}

// decodeData returns a buffer that aliases the body. at is when it was asked for,
// in nanoseconds of CLOCK_MONOTONIC; tag is "" for the instance's own.
func decodeData(body []byte) (instance uint32, at int64, tag string, buf []byte, err error) {
	f := fields{rest: body}
	instance = f.u32()
	at = int64(f.u32())
	at |= int64(f.u32()) << 32
	tag = f.string()
	return instance, at, tag, f.rest, f.err
}
