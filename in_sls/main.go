// Command in_sls is the Fluent Bit input for Alibaba Cloud Simple Log Service, built as a C
// shared library. It owns the exports, the instances, and the mapping to the engine's return
// codes. The work is done in internal/consumer.
package main

import "C"

import (
	"unsafe"

	"fluent-bit-sls/shared/flb"
	"fluent-bit-sls/shared/option"
)

// FLBPluginRegister announces the plugin to the engine.
//
//export FLBPluginRegister
func FLBPluginRegister(def unsafe.Pointer) (ret int) {
	defer flb.Recover(nil, "FLBPluginRegister", &ret, -1)
	return flb.Register(def, flb.Input, "sls", "Alibaba Cloud Simple Log Service (SLS)")
}

// startSection starts one [INPUT] section. FLBPluginInit, in init.c, calls it.
//
//export startSection
func startSection(plugin unsafe.Pointer) (ret int) {
	flb.LimitMemory()
	host := flb.NewInstance(plugin, flb.Input, running.fallbackName())
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

// FLBPluginInputCallbackCtx hands the engine what is ready: once a second, on the
// instance's own thread. *data is freed by the clean-up callback.
//
//export FLBPluginInputCallbackCtx
func FLBPluginInputCallbackCtx(ctx unsafe.Pointer, data *unsafe.Pointer, size *C.size_t) (ret int) {
	i, _ := flb.Bound(ctx).(*instance)
	return collect(i, data, size)
}

// FLBPluginInputCallback is FLBPluginInputCallbackCtx for engines before v4.1,
// which pass no context and have one instance at most.
//
//export FLBPluginInputCallback
func FLBPluginInputCallback(data *unsafe.Pointer, size *C.size_t) int {
	return collect(running.only(), data, size)
}

func collect(i *instance, data *unsafe.Pointer, size *C.size_t) (ret int) {
	*data, *size = nil, 0
	if i == nil {
		return flb.OK
	}
	defer flb.Recover(i.log, "FLBPluginInputCallback", &ret, flb.Error)
	if i.direct != nil {
		i.consumer.HandOver(i.direct)
		return flb.OK
	}
	if events := i.collect(); len(events) > 0 {
		*data, *size = flb.Alloc(events), C.size_t(len(events))
	}
	return flb.OK
}

// FLBPluginInputCleanupCallbackCtx frees a buffer that the engine has copied.
//
//export FLBPluginInputCleanupCallbackCtx
func FLBPluginInputCleanupCallbackCtx(ctx, data unsafe.Pointer) int {
	i, _ := flb.Bound(ctx).(*instance)
	return copied(i, data)
}

// FLBPluginInputCleanupCallback is FLBPluginInputCleanupCallbackCtx for engines
// before v4.1.
//
//export FLBPluginInputCleanupCallback
func FLBPluginInputCleanupCallback(data unsafe.Pointer) int {
	return copied(running.only(), data)
}

func copied(i *instance, data unsafe.Pointer) (ret int) {
	flb.Free(data)
	if i == nil {
		return flb.OK
	}
	defer flb.Recover(i.log, "FLBPluginInputCleanupCallback", &ret, flb.Error)
	i.consumer.Copied()
	return flb.OK
}

// FLBPluginInputPause is called when the engine can take no more of an instance. Only the
// calling thread shows which instance is meant.
//
//export FLBPluginInputPause
func FLBPluginInputPause() {
	var ret int
	defer flb.Recover(nil, "FLBPluginInputPause", &ret, flb.Error)
	running.pause(flb.Thread())
}

// FLBPluginInputResume ends the pause of the same thread.
//
//export FLBPluginInputResume
func FLBPluginInputResume() {
	var ret int
	defer flb.Recover(nil, "FLBPluginInputResume", &ret, flb.Error)
	running.resume(flb.Thread())
}

// FLBPluginExit is called once for each instance and does not say for which. The engine ends
// all inputs together, at shutdown and at a reload. So the first call ends them all.
//
//export FLBPluginExit
func FLBPluginExit() (ret int) {
	defer flb.Recover(nil, "FLBPluginExit", &ret, flb.Error)
	running.stop()
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
