package producer

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"fluent-bit-sls/shared/loggroup"
)

// keptDeadLetters is how many full dead-letter files are kept beside the one
// that is written: path.1 is the newest of them.
const keptDeadLetters = 4

// deadLetters appends to the dead-letter file.
type deadLetters struct {
	path  string
	limit int64 // bytes at which the file is rotated

	mu   sync.Mutex // guards what follows
	file *os.File
	size int64
}

// write appends lines and returns when they are on the disk. A crash in the middle,
// or a disk that is full, can leave a line without its end: the chunk comes back
// then, and its records are written again, on lines of their own (see openLocked).
func (d *deadLetters) write(lines []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file != nil && d.size > 0 && d.size+int64(len(lines)) > d.limit {
		if err := d.rotateLocked(); err != nil {
			return err
		}
	}
	if err := d.openLocked(); err != nil {
		return err
	}
	n, err := d.file.Write(lines)
	d.size += int64(n)
	if err == nil {
		err = d.file.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write dead_letter_file: %w", err), d.closeLocked())
	}
	return nil
}

// openLocked opens the file unless it is open. What was cut off at its end becomes a
// line of its own, or the next letter would be part of it and unreadable.
func (d *deadLetters) openLocked() error {
	if d.file != nil {
		return nil
	}
	f, err := openPrivate(d.path)
	if err != nil {
		return fmt.Errorf("open dead_letter_file: %w", err)
	}
	size, err := endLine(f)
	if err != nil {
		return errors.Join(fmt.Errorf("open dead_letter_file: %w", err), f.Close())
	}
	d.file, d.size = f, size
	return nil
}

// openPrivate opens the file at path to append to it, or makes it. Whoever can write to
// its directory may have put something else there: a link to a file of another user's,
// or a pipe that nobody reads. Nothing but a regular file of one name is taken, and
// nobody but its owner may read it.
func openPrivate(path string) (*os.File, error) {
	// O_NONBLOCK, or the opening of a pipe waits for its other end.
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, privateMode) //nolint:gosec // the operator's path, guarded as above
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%s is a symbolic link: name the file itself", path)
	}
	if err != nil {
		return nil, err
	}
	if err := makePrivate(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

const privateMode = 0o600

func makePrivate(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", f.Name())
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Nlink > 1 {
		return fmt.Errorf("%s has %d names (hard links): only a file of its own is taken", f.Name(), stat.Nlink)
	}
	if info.Mode().Perm() == privateMode {
		return nil
	}
	return f.Chmod(privateMode)
}

// endLine ends the last line of f, if it has no end, and returns the size of f.
func endLine(f *os.File) (size int64, err error) {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return 0, err
	}
	var last [1]byte
	if _, err := f.ReadAt(last[:], info.Size()-1); err != nil || last[0] == '\n' {
		return info.Size(), err
	}
	n, err := f.WriteString("\n")
	return info.Size() + int64(n), err
}

func (d *deadLetters) rotateLocked() error {
	if err := d.closeLocked(); err != nil {
		return err
	}
	for i := keptDeadLetters; i > 0; i-- {
		from := d.path
		if i > 1 {
			from += "." + strconv.Itoa(i-1)
		}
		err := os.Rename(from, d.path+"."+strconv.Itoa(i))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("rotate dead_letter_file: %w", err)
		}
	}
	return nil
}

func (d *deadLetters) closeLocked() error {
	f := d.file
	if f == nil {
		return nil
	}
	d.file = nil
	if err := f.Close(); err != nil {
		return fmt.Errorf("close dead_letter_file: %w", err)
	}
	return nil
}

func (d *deadLetters) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closeLocked()
}

// letter is one dead letter: an event, or the bytes of a chunk that are none.
type letter struct {
	reason string
	tag    string
	dest   address // zero for what is no event
	bytes  []byte  // the msgpack, as the engine gave it
	offset int     // in the chunk
}

// append appends the letter as one line of JSON:
//
//	{"time": when it was written, "reason": SLS's code, "tag": Fluent Bit's, "offset": in the chunk,
//	 "project", "logstore", "topic", "source", "hash_key": where it was to go,
//	 "event_time": RFC 3339, "metadata": {...}, "record": {...}, "msgpack": base64 of the event's bytes}
//
// msgpack is the whole original, byte for byte; the fields before it are for
// reading and searching.
func (l *letter) append(b []byte, now time.Time) []byte {
	field := func(name, value string) {
		b = append(b, `,"`...)
		b = append(b, name...)
		b = append(b, `":`...)
		b = loggroup.AppendJSONString(b, value)
	}
	b = append(b, `{"time":`...)
	b = loggroup.AppendJSONString(b, now.UTC().Format(time.RFC3339Nano))
	field("reason", l.reason)
	field("tag", l.tag)
	b = append(b, `,"offset":`...)
	b = strconv.AppendInt(b, int64(l.offset), 10)
	if l.dest != (address{}) {
		var r loggroup.Reader
		r.Reset(l.bytes, loggroup.EncodeOptions{})
		_ = r.Scan() // it was read before: an event
		event := r.Event()
		field("project", l.dest.Project)
		field("logstore", l.dest.Logstore)
		field("topic", l.dest.Topic)
		field("source", l.dest.Source)
		field("hash_key", l.dest.HashKey)
		field("event_time", event.Time().Format(time.RFC3339Nano))
		b = append(b, `,"metadata":`...)
		if event.Metadata == nil {
			b = append(b, `{}`...)
		} else {
			b = loggroup.AppendJSON(b, event.Metadata)
		}
		b = append(b, `,"record":`...)
		b = loggroup.AppendJSON(b, event.Record)
	}
	b = append(b, `,"msgpack":"`...)
	b = base64.StdEncoding.AppendEncode(b, l.bytes)
	return append(b, "\"}\n"...)
}
