package main

/*
#cgo noescape sls_flushes_take
#cgo nocallback sls_flushes_take
#cgo noescape sls_flush_end
#cgo nocallback sls_flush_end
#include "flush.h"
*/
import "C"

import (
	"context"
	"fmt"
	"os"
	"sync"
	"unsafe"

	"fluent-bit-sls/out_sls/internal/producer"
	"fluent-bit-sls/shared/flb"
	"fluent-bit-sls/shared/panics"
)

// flushes are the chunks that the engine's threads bring, for any section. flush.c says why
// those threads run no Go code.
type flushes struct {
	once   sync.Once
	err    error // of the start
	panics *panics.Guard
	wg     sync.WaitGroup // as long as the process: a plugin is never unloaded
}

var incoming = flushes{panics: panics.New(nil, nil)}

// serve takes flushes from now on, each in a goroutine of its own.
func (f *flushes) serve() error {
	f.once.Do(func() {
		fd, err := C.sls_flushes_open()
		if fd < 0 {
			f.err = fmt.Errorf("cannot take chunks from Fluent Bit's threads: %w", err)
			return
		}
		bell := os.NewFile(uintptr(fd), "flushes")
		f.panics.Go(&f.wg, "taking chunks", func() { f.take(bell) })
	})
	return f.err
}

func (f *flushes) take(bell *os.File) {
	var rung [8]byte
	for {
		if _, err := bell.Read(rung[:]); err != nil {
			return // not reached: nobody closes it
		}
		for call := C.sls_flushes_take(); call != nil; {
			this := call
			call = call.next // that of one which has ended is not there any more
			f.panics.Go(&f.wg, "a flush", func() { C.sls_flush_end(this, C.int(flush(this))) })
		}
	}
}

// flush delivers one chunk. Its bytes and tag are the engine's: neither is used after
// the return.
func flush(call *C.struct_sls_flush) (ret int) {
	i, ok := flb.Bound(call.ctx).(*instance)
	if !ok {
		return flb.Retry
	}
	defer flb.Recover(i.log, "FLBPluginFlushCtx", &ret, flb.Retry)
	i.checkThread(uintptr(call.thread))
	chunk := unsafe.Slice((*byte)(call.data), int(call.length))
	switch i.producer.Flush(context.Background(), C.GoString(call.tag), chunk) {
	case producer.OK:
		return flb.OK
	case producer.Retry:
		return flb.Retry
	default:
		return flb.Error
	}
}
