// Command out_sls is the Fluent Bit output for Alibaba Cloud Simple Log Service,
// built as a C shared library. This package holds the exports, the instances and
// the mapping to the engine's return codes; the work is done in internal/producer.
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
	return flb.Register(def, flb.Output, "sls", "Alibaba Cloud Simple Log Service (SLS)")
}

// startSection starts one [OUTPUT] section. FLBPluginInit, in init.c, calls it.
//
//export startSection
func startSection(plugin unsafe.Pointer) (ret int) {
	flb.LimitMemory()
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
