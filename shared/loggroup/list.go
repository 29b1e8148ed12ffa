package loggroup

import "io"

// ListReader walks the LogGroups of a LogGroupList: what a pull answers. The
// zero value is an empty list. It is not for concurrent use.
type ListReader struct {
	list []byte
	off  int
	err  error
}

// Reset makes r read list from its first byte. The list must not change while it
// is read.
func (r *ListReader) Reset(list []byte) {
	*r = ListReader{list: list}
}

// Next returns the next LogGroup's bytes, a window into the list. It does not look
// inside: one bad group does not stop the walk. The error is io.EOF at the end, or a
// *CorruptError, and stays.
//
//	message LogGroupList { repeated LogGroup LogGroups = 1; }
func (r *ListReader) Next() ([]byte, error) {
	for r.err == nil && r.off < len(r.list) {
		f, next, err := readField(r.list, r.off)
		switch {
		case err != nil:
			r.err = err
		case f.number != tagLogs>>wireTypeBits:
			r.off = next
		case f.wire != wireBytes:
			r.err = corrupt(r.off, reasonWireType)
		default:
			r.off = next
			return r.list[f.start:next:next], nil
		}
	}
	if r.err == nil {
		r.err = io.EOF
	}
	return nil, r.err
}
