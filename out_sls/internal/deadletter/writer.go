package deadletter

import (
	"time"

	"fluent-bit-sls/out_sls/internal/memory"
	"fluent-bit-sls/out_sls/internal/report"
	"fluent-bit-sls/out_sls/internal/segment"
)

// Writer writes the dead letters of an instance. It is safe for concurrent use.
type Writer struct {
	file    file
	cutter  *segment.Cutter
	metrics *report.Metrics
}

// New returns a writer to the file at path, which is rotated at limit bytes. cutter cuts
// chunks as they were cut to be sent.
func New(path string, limit int64, cutter *segment.Cutter, metrics *report.Metrics) *Writer {
	return &Writer{file: file{path: path, limit: limit}, cutter: cutter, metrics: metrics}
}

// Write writes what SLS will never take of a chunk, and returns when it is on the disk.
// Every outcome of f is settled.
func (w *Writer) Write(f *memory.Flush, tag string, chunk []byte) error {
	letters := w.find(f, tag, chunk)
	if len(letters) == 0 {
		return nil
	}
	var lines []byte
	now := time.Now()
	for i := range letters {
		lines = letters[i].append(lines, now)
	}
	if err := w.file.write(lines); err != nil {
		return err
	}
	for i := range letters {
		w.metrics.DeadLetters.With(letters[i].to.Logstore, letters[i].reason).Add(1)
	}
	return nil
}

// find are the originals of what is lost of a chunk, as parts of its bytes.
func (w *Writer) find(f *memory.Flush, tag string, chunk []byte) (letters []letter) {
	number := 0
	full := func(s *segment.Segment) {
		for _, lost := range f.Lost(number) {
			if lost.Dropped {
				continue
			}
			at := s.Places[lost.Index]
			letters = append(letters, letter{
				reason: lost.Reason, tag: tag, to: s.To.Destination,
				offset: at.Offset, bytes: chunk[at.Offset : at.Offset+at.Size],
			})
		}
		number++
	}
	unread := func(offset int, bytes []byte, reason string) {
		letters = append(letters, letter{reason: reason, tag: tag, offset: offset, bytes: bytes})
	}
	w.cutter.CutAgain(tag, chunk, full, unread)
	return letters
}

// Close closes the file.
func (w *Writer) Close() error { return w.file.close() }
