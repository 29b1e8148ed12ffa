package flb

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// worker is a thread as the engine starts them for an output: it waits for work and for a
// timer. The timer goes off all the time, and its callback reads what an exit frees.
type worker struct {
	epoll, timer int
	work         [2]int // a pipe: what is written ends the thread
	thread       string
	freed        atomic.Bool
	late         atomic.Int64 // callbacks after it
	ticks        atomic.Int64
	ended        chan struct{}
}

func newWorker(t *testing.T, name string, every time.Duration) *worker {
	t.Helper()
	w := &worker{ended: make(chan struct{})}
	var err error
	w.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	require.NoError(t, err)
	fd, _, errno := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, 1, 0, 0) // CLOCK_MONOTONIC; a read waits
	require.Zero(t, errno)
	w.timer = int(fd)
	require.NoError(t, syscall.Pipe(w.work[:]))
	for _, fd := range []int{w.timer, w.work[0]} {
		require.NoError(t, syscall.EpollCtl(w.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}))
	}
	spec := struct{ interval, value syscall.Timespec }{syscall.NsecToTimespec(int64(every)), syscall.NsecToTimespec(int64(every))}
	_, _, errno = syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, uintptr(w.timer), 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
	require.Zero(t, errno)
	begun := make(chan string)
	go w.run(name, begun)
	w.thread = <-begun
	t.Cleanup(func() {
		_, err := syscall.Write(w.work[1], []byte{1})
		require.NoError(t, err)
		<-w.ended
		for _, fd := range []int{w.epoll, w.timer, w.work[0], w.work[1]} {
			require.NoError(t, syscall.Close(fd))
		}
	})
	return w
}

// run is the thread, which ends with it: its name would stay.
func (w *worker) run(name string, begun chan<- string) {
	runtime.LockOSThread()
	defer close(w.ended)
	thread := fmt.Sprintf("/proc/self/task/%d", syscall.Gettid())
	if err := os.WriteFile(thread+"/comm", []byte(name), 0); err != nil {
		panic(err)
	}
	begun <- thread
	events, eight := make([]syscall.EpollEvent, 4), make([]byte, 8)
	for {
		n, _ := syscall.EpollWait(w.epoll, events, -1) // an interruption has no events
		for _, e := range events[:max(n, 0)] {
			if int(e.Fd) != w.timer {
				return
			}
			_, _ = syscall.Read(w.timer, eight)
			w.ticks.Add(1)
			if w.freed.Load() {
				w.late.Add(1)
			}
		}
	}
}

// next is when a timer goes off next, as the kernel shows it.
func (w *worker) next(t *testing.T) string {
	t.Helper()
	info, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(w.timer))
	require.NoError(t, err)
	return string(info)
}

// After QuietWorkers no callback of a worker runs, however fast its timer is and wherever
// the thread is. The thread still does its work. Others keep their timers.
func TestWorkersAreQuietAfterAnExit(t *testing.T) {
	for range 10 {
		w := newWorker(t, "flb-out-sls.0-w0", 500*time.Microsecond)
		other := newWorker(t, "flb-out-es.0-w0", time.Hour)
		for w.ticks.Load() == 0 {
			runtime.Gosched()
		}
		QuietWorkers("sls")
		w.freed.Store(true)
		require.Contains(t, w.next(t), "it_value: (0, 0)")
		require.Contains(t, w.next(t), "ticks: 0")
		require.Zero(t, w.late.Load())
		require.NotContains(t, other.next(t), "it_value: (0, 0)")
	}
}

// A thread that never sleeps holds an exit up by quietTimeout at most.
func TestAThreadThatIsBusyIsLeft(t *testing.T) {
	var over atomic.Bool
	begun := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		if err := os.WriteFile(fmt.Sprintf("/proc/self/task/%d/comm", syscall.Gettid()), []byte("flb-out-sls.1-w0"), 0); err != nil {
			panic(err)
		}
		close(begun)
		for !over.Load() {
			_ = syscall.Getpid()
		}
	}()
	<-begun
	began := time.Now()
	QuietWorkers("sls")
	require.GreaterOrEqual(t, time.Since(began), quietTimeout)
	over.Store(true)
	<-ended
}
