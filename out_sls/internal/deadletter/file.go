package deadletter

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
)

// keptFiles is how many full files are kept beside the one that is written: path.1 is the
// newest of them.
const keptFiles = 4

// file appends to the dead-letter file. It is safe for concurrent use.
type file struct {
	path  string
	limit int64 // bytes at which the file is rotated

	mu   sync.Mutex // guards what follows
	open *os.File   // nil = it is opened for the next letter
	size int64
}

// write appends lines and returns when they are on the disk. A crash in the middle, or a
// disk that is full, can leave a line without its end. The chunk comes back then, and its
// records are written again, on lines of their own (see openLocked).
func (d *file) write(lines []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open != nil && d.size > 0 && d.size+int64(len(lines)) > d.limit {
		if err := d.rotateLocked(); err != nil {
			return err
		}
	}
	if err := d.openLocked(); err != nil {
		return err
	}
	n, err := d.open.Write(lines)
	d.size += int64(n)
	if err == nil {
		err = d.open.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write dead_letter_file: %w", err), d.closeLocked())
	}
	return nil
}

// openLocked opens the file unless it is open. What was cut off at its end becomes a
// line of its own, or the next letter would be part of it and unreadable.
func (d *file) openLocked() error {
	if d.open != nil {
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
	d.open, d.size = f, size
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

func (d *file) rotateLocked() error {
	if err := d.closeLocked(); err != nil {
		return err
	}
	for i := keptFiles; i > 0; i-- {
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

func (d *file) closeLocked() error {
	f := d.open
	if f == nil {
		return nil
	}
	d.open = nil
	if err := f.Close(); err != nil {
		return fmt.Errorf("close dead_letter_file: %w", err)
	}
	return nil
}

func (d *file) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closeLocked()
}
