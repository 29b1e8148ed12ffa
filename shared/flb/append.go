package flb

/*
#include "engine.h"
*/
import "C"

import (
	"errors"
	"unsafe"
)

// ErrNotAppended says that the engine has taken nothing of an append. Its ring buffer was
// full for a second, a processor failed, or there was no memory: it does not say which.
var ErrNotAppended = errors.New("the engine did not take the records")

// Appender hands events to the engine by flb_input_log_append, as the engine's own inputs
// do. The engine's proxy does the same with the buffer that a callback returns. But it
// takes one buffer a second, under one tag, and ignores the result.
//
// The function has had the same arguments from v2.0 to v5.1 (flb_input_log.c). It takes
// the struct flb_input_instance that FLBPluginInit gets as i_ins. In a threaded instance,
// which every Go input is, it runs the input's processors and copies the events into the
// instance's ring buffer.
type Appender struct {
	instance *Instance
	function C.sls_append_fn
	tag      []byte // of the append under way, with a final NUL for whoever expects one
}

// Appender returns what appends to this input, nil where the engine does not export the
// function.
func (i *Instance) Appender() *Appender {
	function := C.sls_find_append()
	if function == nil || i.dir != Input {
		return nil
	}
	return &Appender{instance: i, function: function}
}

// Append hands whole msgpack events over under a tag, "" for the instance's own. Call it
// on the instance's own thread only, within its callback. When the engine's ring buffer is
// full it waits a second. The engine keeps neither tag nor events.
func (a *Appender) Append(tag string, events []byte) error {
	if len(events) == 0 {
		return nil
	}
	var name *C.char // NULL: the instance's own
	if tag != "" {
		a.tag = append(append(a.tag[:0], tag...), 0)
		name = (*C.char)(unsafe.Pointer(&a.tag[0]))
	}
	if C.sls_append(a.function, a.instance.ptr, name, C.size_t(len(tag)), unsafe.Pointer(&events[0]), C.size_t(len(events))) != 0 {
		return ErrNotAppended
	}
	return nil
}
