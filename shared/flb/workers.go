package flb

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// Fluent Bit starts the threads for the `workers` of a Go output twice and forgets those
// that it started first (flb_proxy_output_cb_init and flb_output_init_all; from v2.2.0 to
// v5.1.1 at least). They wait for work for ever. Every 1.5 s a timer of theirs reads the
// output's instance, also after a hot reload has freed it: the process crashes.

// quietTimeout bounds the time spent on one such thread. Stopping it takes microseconds,
// but on a busy machine the thread has to wait for a processor.
const quietTimeout = time.Second

// QuietWorkers stops the timers of all threads that the engine started for outputs of a
// plugin's name. For a Go output they do nothing. Call it from the exit callback of an
// output: its instance is still there, and nothing is flushed any more.
//
// It reads what the kernel shows of the process's threads and files, and no struct of the
// engine. Where /proc does not show it, nothing happens.
func QuietWorkers(plugin string) {
	names, _ := filepath.Glob("/proc/self/task/*/comm") // the pattern is right
	for _, name := range names {
		comm, err := os.ReadFile(name) //nolint:gosec // of our own process
		if err == nil && strings.HasPrefix(string(comm), "flb-out-"+plugin+".") {
			quiet(filepath.Dir(name))
		}
	}
}

// quiet stops the timers of one thread and waits until it sleeps with all of them
// stopped. None of their callbacks runs then, and none will.
func quiet(thread string) {
	ctx, cancel := context.WithTimeout(context.Background(), quietTimeout)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	stopped := map[int]bool{}
	for {
		switch fd, kind := sleepsOn(thread); kind {
		case "anon_inode:[eventpoll]":
			news := false
			for _, timer := range timersOf(fd) {
				news = news || !stopped[timer]
				stopped[timer] = true
				setTimer(timer, 0)
			}
			if !news {
				return
			}
			continue // it may have been about to wake up
		case "anon_inode:[timerfd]":
			if stopped[fd] { // it was awake, and waits for the tick that is stopped now
				setTimer(fd, time.Nanosecond)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// sleepsOn returns the file in whose system call a thread sleeps, and what kind of file
// it is. kind is "" for a thread that runs.
func sleepsOn(thread string) (fd int, kind string) {
	call, err := os.ReadFile(filepath.Join(thread, "syscall")) //nolint:gosec // of our own process: number, arguments, ...
	fields := strings.Fields(string(call))
	if err != nil || len(fields) < 2 {
		return 0, ""
	}
	n, err := strconv.ParseUint(fields[1], 0, 31)
	if err != nil {
		return 0, ""
	}
	kind, _ = os.Readlink("/proc/self/fd/" + strconv.Itoa(int(n))) // "": no file
	return int(n), kind
}

// watched matches a file that an epoll instance watches, in its fdinfo.
var watched = regexp.MustCompile(`(?m)^tfd:\s*(\d+)`)

// timersOf are the timers that an epoll instance watches.
func timersOf(epoll int) (timers []int) {
	info, _ := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(epoll)) // none: no timers
	for _, match := range watched.FindAllSubmatch(info, -1) {
		fd, err := strconv.Atoi(string(match[1]))
		kind, _ := os.Readlink("/proc/self/fd/" + string(match[1]))
		if err == nil && kind == "anon_inode:[timerfd]" {
			timers = append(timers, fd)
		}
	}
	return timers
}

// setTimer makes a timer expire once, after d; 0 stops it.
func setTimer(fd int, d time.Duration) {
	spec := struct{ interval, value syscall.Timespec }{value: syscall.NsecToTimespec(int64(d))}
	_, _, _ = syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, uintptr(fd), 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0) //nolint:gosec // timerfd_settime(2)
}
