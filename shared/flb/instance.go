package flb

/*
#cgo LDFLAGS: -ldl
#include <stdlib.h>
#include "engine.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/cgo"
	"sync"
	"unsafe"

	"github.com/fluent/fluent-bit-go/input"
	"github.com/fluent/fluent-bit-go/output"
)

// Direction is the side of the pipeline an instance is on.
type Direction int

// The two directions of a plugin.
const (
	Output Direction = C.SLS_OUTPUT
	Input  Direction = C.SLS_INPUT
)

// String is the word the engine uses for the direction in its log lines.
func (d Direction) String() string {
	if d == Input {
		return "input"
	}
	return "output"
}

// What an export returns to the engine.
const (
	Error = output.FLB_ERROR
	OK    = output.FLB_OK
	Retry = output.FLB_RETRY
)

// ErrNoContext says that the engine has no place for the value of an input
// instance: Fluent Bit before v4.1.
var ErrNoContext = errors.New("the engine keeps no context for an input instance (Fluent Bit before 4.1)")

// Register fills the definition that the engine passes to FLBPluginRegister.
func Register(def unsafe.Pointer, dir Direction, name, description string) int {
	if dir == Input {
		return input.FLBPluginRegister(def, name, description)
	}
	return output.FLBPluginRegister(def, name, description)
}

// Unregister frees what Register allocated.
func Unregister(def unsafe.Pointer) {
	output.FLBPluginUnregister(def)
}

// Instance is one [INPUT] or [OUTPUT] section of the running engine.
type Instance struct {
	dir    Direction
	plugin unsafe.Pointer // valid during FLBPluginInit only
	ptr    unsafe.Pointer // the engine's instance, valid until its exit callback returns
	api    unsafe.Pointer // valid until FLBPluginUnregister
	name   string
	// entries are the properties, once they are found; of FLBPluginInit only.
	entries []entry

	// mu guards open. Log lines hold it shared. So none is inside the engine's code when
	// Close returns and the engine frees the instance.
	mu     sync.RWMutex
	open   bool
	handle cgo.Handle
}

// NewInstance takes the argument of FLBPluginInit. fallback is the instance's name in log
// lines, such as "sls.0", where the host does not say its own.
func NewInstance(plugin unsafe.Pointer, dir Direction, fallback string) *Instance {
	i := &Instance{
		dir: dir, plugin: plugin, name: fallback, open: true,
		ptr: C.sls_instance(plugin), api: C.sls_api_of(plugin),
	}
	if name := C.sls_instance_name(i.ptr, C.int(dir)); name != nil {
		i.name = C.GoString(name)
	}
	return i
}

// Name is the instance's name as the engine logs it, its alias if it has one.
func (i *Instance) Name() string { return i.name }

// Property is the value of a configuration key, "" when it is not set. Call it
// from FLBPluginInit only. It makes an Instance an option.Getter.
func (i *Instance) Property(key string) string {
	if i.dir == Input {
		return input.FLBPluginConfigKey(i.plugin, key)
	}
	return output.FLBPluginConfigKey(i.plugin, key)
}

// Logger writes to the engine's log as "[output:sls:sls.0] text key=value",
// at the level that the instance's log_level allows. It goes silent on Close.
func (i *Instance) Logger() *slog.Logger { return slog.New(&handler{instance: i}) }

// Bind makes the engine pass value to the instance's ...Ctx callbacks, where
// Bound returns it. For an input of an engine before v4.1 it is ErrNoContext.
func (i *Instance) Bind(value any) error {
	h := cgo.NewHandle(value)
	if C.sls_bind(i.plugin, C.int(i.dir), C.uintptr_t(h)) != 0 {
		h.Delete()
		return fmt.Errorf("bind %s: %w", i.name, ErrNoContext)
	}
	i.handle = h
	return nil
}

// Bound is the value bound to the context of a callback, nil if there is none any more.
func Bound(ctx unsafe.Pointer) (value any) {
	defer func() {
		if recover() != nil { // the handle was deleted: a callback after exit
			value = nil
		}
	}()
	if ctx == nil {
		return nil
	}
	return cgo.Handle(uintptr(ctx)).Value()
}

// Thread identifies the engine's thread that a callback runs on. Each input has a thread
// of its own, and nothing else tells which input is paused or resumed.
func Thread() uintptr { return uintptr(C.sls_thread()) }

// Close forgets the bound value and stops logging; the caller has ended every
// goroutine that logs. It is safe to call twice.
func (i *Instance) Close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.open {
		return
	}
	i.open = false
	if i.handle != 0 {
		i.handle.Delete()
		i.handle = 0
	}
}

// Alloc copies b into memory from the C heap: what an input hands to the engine
// and frees with Free in its clean-up callback.
func Alloc(b []byte) unsafe.Pointer { return C.CBytes(b) }

// Free releases memory from Alloc.
func Free(p unsafe.Pointer) { C.free(p) }
