package flbhost

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Options of one host process. The zero value is Fluent Bit v5.1's default:
// no workers, level info, a collect once a second, 64 KiB stacks.
type Options struct {
	// Workers is the number of flush threads of every output instance that has
	// no workers property of its own. 0: flushes run one at a time on the
	// pipeline thread and hold up everything else.
	Workers int
	// LogLevel is the engine's: off, error, warn, info, debug or trace. An
	// instance's log_level property goes before it.
	LogLevel string
	// CollectInterval is the time between two collects; default 1 s.
	CollectInterval time.Duration
	// Legacy gives inputs the context struct from before v4.1.0 and looks up
	// no ...Ctx symbol of theirs; the registration struct has no event_type.
	Legacy bool
	// HotReload is the engine's hot_reload setting; Reload needs it.
	HotReload bool
	// StackSize in bytes of a flush's stack; default 64 KiB.
	StackSize int
	// Opaque keeps the properties of an instance in a list of another make, as an engine
	// to come may: a plugin sees what the interface tells, the first value of each.
	Opaque bool
	// NoAppend hides flb_input_log_append, which every engine exports so far, from
	// plugins that look for it.
	NoAppend bool
	// Wrapper is the command, with its arguments, that runs the host: an
	// emulator of the processor it was built for. Empty: none.
	Wrapper []string
	// Env is added to the host's environment ("KEY=value").
	Env []string
	// OnLog gets every line the plugins and the engine log, in order and in the
	// engine's form, before the call that logged it returns; and every line of
	// the process's standard output and error. One call at a time. It must not
	// call into this package.
	OnLog func(line string)
}

func (o *Options) withDefaults() {
	if o.LogLevel == "" {
		o.LogLevel = "info"
	}
	if o.CollectInterval <= 0 {
		o.CollectInterval = time.Second
	}
	if o.StackSize <= 0 {
		o.StackSize = 64 << 10
	}
}

func (o *Options) check() error {
	levels := []string{"off", "error", "warn", "info", "debug", "trace"}
	if !slices.Contains(levels, o.LogLevel) {
		return fmt.Errorf("log level %q is none of %v", o.LogLevel, levels)
	}
	return nil
}

// args are the program's arguments, in the order main.c reads them.
func (o *Options) args() []string {
	return []string{
		strconv.Itoa(o.Workers), o.LogLevel, strconv.FormatInt(o.CollectInterval.Microseconds(), 10),
		flag(o.Legacy), flag(o.HotReload), strconv.Itoa(o.StackSize), flag(o.Opaque),
		flag(o.NoAppend),
	}
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// honourBase makes glibc load a library at the address it was linked for, if
// it was linked for one. See RaceLinkFlags.
const honourBase = "LD_USE_LOAD_BIAS=1"

// RaceLinkFlags is the -ldflags with which a plugin can be built by go build
// -race -buildmode=c-shared and run here. The race detector of linux/amd64 has
// shadow memory only for addresses below 0xe000000000 and dies at load time
// when a library's variables lie above, as they do where the loader chooses.
// Linked so they lie below, and races between the engine's threads are found:
// Exit reports them. One such plugin per process: two would share the shadow.
const RaceLinkFlags = "-extldflags=-Wl,-Ttext-segment=0x10000000"
