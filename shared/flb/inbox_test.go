package flb

import (
	"context"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// loop is a thread that waits for messages and timers as an input's does. It calls do on
// itself for each message but the empty one, which ends it.
type loop struct {
	inbox    *Inbox
	epoll    int
	messages [2]int
	ended    chan struct{}
}

func newLoop(t *testing.T, do func(*loop)) *loop {
	t.Helper()
	l := &loop{ended: make(chan struct{})}
	var err error
	l.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	require.NoError(t, err)
	require.NoError(t, syscall.Pipe(l.messages[:]))
	timer, _, errno := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, 1, 0, 0)
	require.Zero(t, errno)
	setTimer(int(timer), time.Nanosecond) // it has gone off all the time, and is no message
	for _, fd := range []int{l.messages[0], int(timer)} {
		require.NoError(t, syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN | 1<<31, Fd: int32(fd)}))
	}
	begun := make(chan struct{})
	go func() {
		defer close(l.ended)
		runtime.LockOSThread()
		l.inbox = NewInbox()
		close(begun)
		l.run(do)
	}()
	<-begun
	t.Cleanup(func() {
		l.send(t, 0)
		<-l.ended
		for _, fd := range []int{l.epoll, l.messages[0], l.messages[1], int(timer)} {
			require.NoError(t, syscall.Close(fd))
		}
	})
	return l
}

func (l *loop) run(do func(*loop)) {
	events, one := make([]syscall.EpollEvent, 1), make([]byte, 1)
	for {
		n, _ := syscall.EpollWait(l.epoll, events, -1) // an interruption has no events
		if n <= 0 || int(events[0].Fd) != l.messages[0] {
			continue
		}
		if _, err := syscall.Read(l.messages[0], one); err != nil || one[0] == 0 {
			return
		}
		do(l)
	}
}

func (l *loop) send(t *testing.T, message byte) {
	t.Helper()
	_, err := syscall.Write(l.messages[1], []byte{message})
	require.NoError(t, err)
}

// A callback that stays sees the message that waits for its thread, and no timer.
func TestNewsIsSeenWithinACallback(t *testing.T) {
	inside, sent, saw := make(chan bool), make(chan bool), make(chan bool)
	l := newLoop(t, func(l *loop) {
		inside <- l.inbox.News()
		if <-sent {
			saw <- l.inbox.News()
		}
	})
	l.send(t, 1)
	require.False(t, <-inside, "nothing is known")
	sent <- false
	require.True(t, l.inbox.Find(t.Context()))
	l.send(t, 1)
	require.False(t, <-inside)
	l.send(t, 2)
	sent <- true
	require.True(t, <-saw)
	require.False(t, <-inside, "the thread has read it")
	sent <- false
}

// A thread that never sleeps in a loop has no inbox, and the search ends with its context.
func TestNoInbox(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b := NewInbox()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.False(t, b.Find(ctx))
	require.False(t, b.News())
}
