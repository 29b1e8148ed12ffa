package journal

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// store is the file of one instance in the folder state_path, and the lock that keeps
// other processes off it.
type store struct {
	path string // of the file; the lock is beside it, as a file that is replaced cannot be one
	lock *os.File
	file *os.File
	// writeAt is (*os.File).WriteAt but in tests.
	writeAt func(f *os.File, b []byte, at int64) (int, error)
}

func newStore(path string) store { return store{path: path, writeAt: (*os.File).WriteAt} }

// errLocked says that another process has the file.
var errLocked = errors.New("another process has it")

// filePath is where the instance of that alias or name keeps its file.
func filePath(folder, name string) string {
	var b strings.Builder
	for _, c := range []byte(name) { // what a file's name cannot have, or would hide it
		if c == '/' || c == '%' || c < ' ' || c == '.' && b.Len() == 0 {
			b.WriteString("%" + strconv.FormatUint(uint64(c), 16))
			continue
		}
		b.WriteByte(c)
	}
	return filepath.Join(folder, b.String()+".state")
}

// own takes the lock, or says errLocked.
func (s *store) own() error {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	f, err := openPrivate(s.path + ".lock")
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errLocked
		}
		return errors.Join(err, f.Close())
	}
	s.lock = f
	return nil
}

// open opens the file or makes it, and returns how many frames it holds beside the head.
// aside is what was wrong with another file that lay there: it is set aside.
func (s *store) open(now boot) (frames int, aside, err error) {
	frames, aside, err = s.openOld()
	if err != nil || s.file != nil {
		return frames, nil, err
	}
	if aside != nil {
		if err := os.Rename(s.path, s.path+".broken"); err != nil {
			return 0, nil, errors.Join(aside, err)
		}
	}
	f, err := openPrivate(s.path)
	if err != nil {
		return 0, aside, err
	}
	if _, err := s.writeAt(f, appendHead(nil, now), 0); err != nil {
		return 0, aside, errors.Join(err, f.Close())
	}
	s.file = f
	return 0, aside, nil
}

// openOld opens the file that is there, if one is. foreign is why it is not ours.
func (s *store) openOld() (frames int, foreign, err error) {
	info, err := os.Lstat(s.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return 0, nil, nil
	case err != nil:
		return 0, nil, err
	case !info.Mode().IsRegular():
		return 0, errors.New("it is no regular file"), nil
	case info.Size() == 0: // nothing of it was written
		return 0, nil, nil
	}
	f, err := openPrivate(s.path)
	if err != nil {
		return 0, nil, err
	}
	var head [frameSize]byte
	n, _ := f.ReadAt(head[:], 0)
	if _, foreign = readHead(head[:n]); foreign != nil {
		return 0, foreign, f.Close()
	}
	s.file = f
	return int(info.Size()/frameSize) - 1, nil, nil
}

// read fills b with frames from number n on.
func (s *store) read(b []byte, n uint32) error {
	_, err := s.file.ReadAt(b, int64(n)*frameSize)
	return err
}

// write puts frames at number n.
func (s *store) write(b []byte, n uint32) error {
	_, err := s.writeAt(s.file, b, int64(n)*frameSize)
	return err
}

// second makes the file that is to take the place of the first.
func (s *store) second() (*os.File, error) {
	path := s.path + ".new"
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return openPrivate(path)
}

// replace puts the second file in the place of the first.
func (s *store) replace(f *os.File) error {
	if err := os.Rename(f.Name(), s.path); err != nil {
		return err
	}
	_ = s.file.Close() // nothing is lost with it
	s.file = f
	return nil
}

// forget closes the file, and leaves it as it is.
func (s *store) forget() {
	if s.file != nil {
		_ = s.file.Close()
		s.file = nil
	}
}

// discard removes the file.
func (s *store) discard() error {
	s.forget()
	return os.Remove(s.path)
}

// close gives the file and the lock up.
func (s *store) close() error {
	var errs []error
	for _, f := range []**os.File{&s.file, &s.lock} {
		if *f != nil {
			errs = append(errs, (*f).Close())
			*f = nil
		}
	}
	return errors.Join(errs...)
}

// openPrivate opens the file at path, or makes it, to be read by its owner only. A link
// or a pipe that somebody has put there is not taken.
func openPrivate(path string) (*os.File, error) {
	// O_NONBLOCK, or the opening of a pipe waits for its other end.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600) //nolint:gosec // the operator's path, guarded as above
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// load finds out what the frames of a file state.
func (s *store) load(frames int) (index, error) {
	x := newIndex(frames)
	var err error
	for _, f := range s.forwards(&err, uint32(frames+1)) {
		x.add(f)
	}
	return x, err
}

// statement reads what frame n states of a chunk, together with the number before it, if
// it is one of a write. It is of kindNone if it has been damaged since.
func (s *store) statement(n uint32) (frame, error) {
	var b [2 * frameSize]byte
	if err := s.read(b[:], n-1); err != nil {
		return frame{}, err
	}
	f := readFrame(b[frameSize:])
	if f.kind == kindSent {
		number := readFrame(b[:frameSize])
		if number.kind != kindNumber {
			return frame{}, nil
		}
		f.key, f.number, f.place, f.rewrite = number.key, number.number, number.place, number.rewrite
	}
	return f, nil
}

// forwards goes through the frames below number end, in order. An error of the file
// ends it, and is in err then.
func (s *store) forwards(err *error, end uint32) iter.Seq2[uint32, frame] {
	return func(yield func(uint32, frame) bool) {
		buf := make([]byte, readAtOnce*frameSize)
		for n := uint32(1); n < end; {
			part := buf[:min(readAtOnce, end-n)*frameSize]
			if *err = s.read(part, n); *err != nil {
				return
			}
			for ; len(part) > 0; part = part[frameSize:] {
				if !yield(n, readFrame(part[:frameSize])) {
					return
				}
				n++
			}
		}
	}
}

// backwards is forwards from the end.
func (s *store) backwards(err *error, end uint32) iter.Seq2[uint32, frame] {
	return func(yield func(uint32, frame) bool) {
		buf := make([]byte, readAtOnce*frameSize)
		for end > 1 {
			n := max(1, end-min(readAtOnce, end))
			part := buf[:(end-n)*frameSize]
			if *err = s.read(part, n); *err != nil {
				return
			}
			for end > n {
				end--
				if !yield(end, readFrame(part[(end-n)*frameSize:][:frameSize])) {
					return
				}
			}
		}
	}
}
