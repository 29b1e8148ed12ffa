package journal

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/zeebo/xxh3"
)

// Origin is the file that a chunk lies in. A chunk of filesystem storage is the
// engine's own mapping of its file, and is still there after a kill. Any other lies in
// memory, and dies with the process.
type Origin struct {
	hash uint32 // of the file's name; 0 = the chunk lies in no file
}

// fileName is how the engine names a chunk's file (src/flb_input_chunk.c:
// generate_chunk_name, "%i-%lu.%4lu.flb"): process, seconds, nanoseconds. The last is
// padded with spaces. No two files of a folder have one name, at whatever time.
var fileName = regexp.MustCompile(`^[0-9]+-[0-9]{1,12}\. *[0-9]{1,9}\.flb$`)

// originOf is the origin of a chunk within the file at name, zero if that is no file
// of a chunk.
func originOf(name string) Origin {
	name = path.Base(strings.TrimSuffix(name, " (deleted)"))
	if !fileName.MatchString(name) {
		return Origin{}
	}
	return Origin{hash: max(uint32(xxh3.HashString(name)), 1)}
}

// origins finds the files of chunks. The kernel tells what lies at an address: since
// Linux 6.11 for the price of a system call, before by a list of everything.
type origins struct {
	maps  *os.File    // /proc/self/maps; nil = it cannot be read
	slow  atomic.Bool // the kernel has no PROCMAP_QUERY
	asked sync.Pool   // of *procmapQuery: a path takes 4 KiB
}

func newOrigins() *origins {
	o := &origins{}
	o.maps, _ = os.Open("/proc/self/maps")
	o.slow.Store(o.maps == nil)
	return o
}

func (o *origins) close() {
	if o.maps != nil {
		_ = o.maps.Close()
	}
}

// quick is the origin of a chunk if it can be had at once. known is false when it takes
// find to tell.
func (o *origins) quick(chunk []byte) (from Origin, known bool) {
	if o.slow.Load() || len(chunk) == 0 {
		return Origin{}, false
	}
	q, ok := o.asked.Get().(*procmapQuery)
	if !ok {
		q = new(procmapQuery)
	}
	defer o.asked.Put(q)
	name, err := q.file(o.maps, addressOf(chunk))
	switch err {
	case 0:
		return originOf(name), true
	case syscall.ENOENT: // no file is mapped there
		return Origin{}, true
	default:
		o.slow.Store(true)
		return Origin{}, false
	}
}

func addressOf(chunk []byte) uintptr {
	return uintptr(unsafe.Pointer(unsafe.SliceData(chunk))) //nolint:gosec // a number to ask the kernel about, never followed
}

// find is the origin of a chunk, zero if it lies in no file. It can take a tenth of a
// millisecond.
func (o *origins) find(chunk []byte) Origin {
	if from, known := o.quick(chunk); known {
		return from
	}
	return o.list([]uintptr{addressOf(chunk)})[0]
}

// list are the origins of chunks at these addresses, zero where no file is.
func (o *origins) list(at []uintptr) []Origin {
	found := make([]Origin, len(at))
	f, err := os.Open("/proc/self/maps") // a list of its own: others may be reading
	if err != nil {
		return found
	}
	defer func() { _ = f.Close() }()
	for i, name := range mappedFiles(f, at) {
		found[i] = originOf(name)
	}
	return found
}

// mappedFiles finds the files that are mapped at addresses in a list of mappings
// (proc_pid_maps(5)), "" where there is none:
//
//	start-end perms offset dev inode path
func mappedFiles(maps io.Reader, at []uintptr) []string {
	names := make([]string, len(at))
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		bounds, rest, _ := bytes.Cut(lines.Bytes(), []byte(" "))
		from, to, _ := bytes.Cut(bounds, []byte("-"))
		start, err1 := strconv.ParseUint(string(from), 16, 64)
		end, err2 := strconv.ParseUint(string(to), 16, 64)
		if err1 != nil || err2 != nil {
			continue
		}
		for i, a := range at {
			if uint64(a) < start || uint64(a) >= end {
				continue
			}
			if _, name, found := bytes.Cut(rest, []byte("/")); found {
				names[i] = "/" + string(name)
			}
		}
	}
	return names
}

// procmapQuery is struct procmap_query of linux/fs.h.
type procmapQuery struct {
	size, flags, addr                        uint64
	start, end, perms, pageSize, offset, ino uint64
	devMajor, devMinor                       uint32
	nameSize, buildIDSize                    uint32
	name, buildID                            uint64

	path [syscall.PathMax]byte // where name points to: not of the kernel's
}

const (
	procmapQuerySize  = 104
	procmapQueryIoctl = 3<<30 | procmapQuerySize<<16 | 'f'<<8 | 17 // PROCMAP_QUERY
	procmapFileBacked = 0x20                                       // PROCMAP_QUERY_FILE_BACKED_VMA
)

// file asks which file is mapped at an address.
func (q *procmapQuery) file(maps *os.File, at uintptr) (name string, err syscall.Errno) {
	q.size, q.flags, q.addr, q.nameSize = procmapQuerySize, procmapFileBacked, uint64(at), syscall.PathMax
	var pin runtime.Pinner // the kernel is told a number, which must stay q's address
	pin.Pin(q)
	defer pin.Unpin()
	q.name = uint64(uintptr(unsafe.Pointer(&q.path))) //nolint:gosec // for the kernel, and pinned
	if _, _, err = syscall.Syscall(syscall.SYS_IOCTL, maps.Fd(), procmapQueryIoctl, uintptr(unsafe.Pointer(q))); err != 0 {
		return "", err
	}
	n := min(int(q.nameSize), len(q.path))
	return string(bytes.TrimRight(q.path[:n], "\x00")), 0
}
