package flb

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// The engine announces a pause, a resume and the exit to an input's thread by a message
// in a pipe. The thread reads it once it is back in the engine's loop. A callback that
// stays for long can look whether there is one. The kernel knows which pipes these are:
// the thread sleeps on an epoll instance that watches them beside its timers. No struct
// of the engine is read.

// findInbox bounds the wait until the thread sleeps. It does so right after its init,
// until its first callback a second later.
const findInbox = 10 * time.Second

// Inbox tells whether a message of the engine waits for a thread.
type Inbox struct {
	thread string                 // its folder in /proc
	files  atomic.Pointer[[]poll] // once they are found
}

// poll is a struct pollfd.
type poll struct {
	fd      int32
	events  int16
	revents int16
}

const pollIn = 1

// NewInbox returns the inbox of the calling thread.
func NewInbox() *Inbox {
	return &Inbox{thread: fmt.Sprintf("/proc/self/task/%d", syscall.Gettid())}
}

// Find looks for the pipes of the thread until it has found them; another thread calls
// it. It returns false where /proc does not show them, and when ctx ends.
func (b *Inbox) Find(ctx context.Context) (found bool) {
	ctx, cancel := context.WithTimeout(ctx, findInbox)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if fd, kind := sleepsOn(b.thread); kind == "anon_inode:[eventpoll]" {
			if files := pipesOf(fd); len(files) > 0 {
				b.files.Store(&files)
				return true
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

// News reports whether a message waits; false while the pipes are not found. Call it on
// the thread itself.
func (b *Inbox) News() bool {
	found := b.files.Load()
	if found == nil {
		return false
	}
	files := *found
	now := syscall.Timespec{}
	n, _, _ := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&files[0])), uintptr(len(files)), uintptr(unsafe.Pointer(&now)), 0, 0, 0) //nolint:gosec // ppoll(2)
	return int(n) > 0
}

// pipesOf are the pipes that an epoll instance watches.
func pipesOf(epoll int) (files []poll) {
	info, _ := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(epoll)) // none: no pipes
	for _, match := range watched.FindAllSubmatch(info, -1) {
		fd, err := strconv.ParseInt(string(match[1]), 10, 32)
		kind, _ := os.Readlink("/proc/self/fd/" + string(match[1]))
		if pipe, _ := filepath.Match("pipe:*", kind); err == nil && pipe {
			files = append(files, poll{fd: int32(fd), events: pollIn})
		}
	}
	return files
}
