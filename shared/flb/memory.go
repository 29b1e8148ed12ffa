package flb

import (
	"runtime/debug"
	"sync"
)

// How the garbage collector is paced. Go lets garbage grow as large as all that lives. What
// lives in a plugin is mostly large buffers, which are lent again and leave no garbage. So here
// it is a quarter of what lives, and of a reserve: that counts as living, but is never touched
// and so takes no memory. A plugin that holds little collects about as seldom as by Go's default.
const (
	garbagePercent = 25
	reserveBytes   = 8 << 20
)

var reserve []byte //nolint:unused // it is there to count as living

// LimitMemory makes the plugin take less memory than a program of its own would. Its runtime
// is its own, so this concerns nobody else. It may be called for each section.
var LimitMemory = sync.OnceFunc(func() {
	reserve = make([]byte, reserveBytes)
	debug.SetGCPercent(garbagePercent)
})
