// Command out_sls is the Fluent Bit output for Alibaba Cloud Simple Log Service,
// built as a C shared library. This package holds the exports, the instances and
// the mapping to the engine's return codes; the work is done in internal/producer.
package main

import "C"

import (
	"context"
	"syscall"
	"unsafe"

	"fluent-bit-sls/out_sls/internal/producer"
	"fluent-bit-sls/shared/flb"
	"fluent-bit-sls/shared/option"
)

// FLBPluginRegister announces the plugin to the engine.
//
//export FLBPluginRegister
func FLBPluginRegister(def unsafe.Pointer) (ret int) {
	defer flb.Recover(nil, "FLBPluginRegister", &ret, -1)
	return flb.Register(def, flb.Output, "sls", "Alibaba Cloud Simple Log Service (SLS)")
}

// startSection starts one [OUTPUT] section. FLBPluginInit, in init.c, calls it.
//
//export startSection
func startSection(plugin unsafe.Pointer) (ret int) {
	host := flb.NewInstance(plugin, flb.Output, fallbackName())
	log := host.Logger()
	defer flb.Recover(log, "FLBPluginInit", &ret, flb.Error)
	if err := start(host, log); err != nil {
		for _, problem := range option.Problems(err) {
			log.Error(problem)
		}
		host.Close()
		return flb.Error
	}
	return flb.OK
}

// FLBPluginFlushCtx delivers one chunk. data belongs to the engine and tag to
// its proxy: neither is used after the return.
//
//export FLBPluginFlushCtx
func FLBPluginFlushCtx(ctx, data unsafe.Pointer, length C.size_t, tag *C.char) (ret int) {
	i, ok := flb.Bound(ctx).(*instance)
	if !ok {
		return flb.Retry
	}
	defer flb.Recover(i.log, "FLBPluginFlushCtx", &ret, flb.Retry)
	i.checkThread(syscall.Gettid())
	chunk := unsafe.Slice((*byte)(data), int(length))
	switch i.producer.Flush(context.Background(), C.GoString(tag), chunk) {
	case producer.OK:
		return flb.OK
	case producer.Retry:
		return flb.Retry
	default:
		return flb.Error
	}
}

// FLBPluginExitCtx ends one [OUTPUT] section: at shutdown and at a hot reload.
//
//export FLBPluginExitCtx
func FLBPluginExitCtx(ctx unsafe.Pointer) (ret int) {
	i, ok := flb.Bound(ctx).(*instance)
	if !ok {
		return flb.OK
	}
	defer flb.Recover(i.log, "FLBPluginExitCtx", &ret, flb.Error)
	i.stop()
	return flb.OK
}

// FLBPluginUnregister frees what FLBPluginRegister allocated.
//
//export FLBPluginUnregister
func FLBPluginUnregister(def unsafe.Pointer) {
	var ret int
	defer flb.Recover(nil, "FLBPluginUnregister", &ret, flb.Error)
	flb.Unregister(def)
}

func main() {}
