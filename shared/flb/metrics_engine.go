package flb

/*
#include <stdlib.h>
#include "metrics.h"
*/
import "C"

import (
	"time"
	"unsafe"

	"fluent-bit-sls/shared/metric"
)

// engineMetrics writes to the metrics context of an instance.
type engineMetrics struct {
	instance *Instance
	c        *C.struct_sls_metrics // on the C heap
	name     *C.char               // of the instance
	families map[*metric.Family]*engineFamily
}

// engineFamily is a family as cmetrics knows it. It lives and dies with the
// instance's context.
type engineFamily struct {
	ptr    unsafe.Pointer
	kind   C.int
	series [][]*C.char // label values of each series, the instance's name first
}

// newEngineMetrics declares the families of set to the engine. It returns nil where the
// host has no metrics. The instance's init calls it, so the instance is open.
func newEngineMetrics(i *Instance, set *metric.Set) *engineMetrics {
	c := (*C.struct_sls_metrics)(C.calloc(1, C.sizeof_struct_sls_metrics))
	if C.sls_metrics_find(c, i.api, i.ptr, C.int(i.dir)) != 0 {
		C.free(unsafe.Pointer(c))
		return nil
	}
	m := &engineMetrics{instance: i, c: c, name: C.CString(i.name), families: map[*metric.Family]*engineFamily{}}
	for _, f := range set.Families() {
		m.declare(f)
	}
	return m
}

// declare creates a family. One that cannot be created is not shown.
func (m *engineMetrics) declare(f *metric.Family) {
	var memory heap
	defer memory.free()
	keys := []*C.char{memory.string("name")}
	for _, label := range f.Labels {
		keys = append(keys, memory.string(label))
	}
	d := (*C.struct_sls_family)(memory.bytes(C.sizeof_struct_sls_family))
	d.kind = engineKind(f.Kind)
	d.subsystem = memory.string(m.instance.dir.String())
	d.name = memory.string("sls_" + f.Name)
	d.help = memory.string(f.Help)
	d.label_count = C.int(len(keys))
	d.label_keys = (**C.char)(memory.bytes(C.size_t(len(keys)) * C.size_t(unsafe.Sizeof(keys[0]))))
	copy(unsafe.Slice(d.label_keys, len(keys)), keys)
	if n := len(f.Bounds); n > 0 {
		d.bound_count = C.size_t(n)
		d.bounds = (*C.double)(memory.bytes(C.size_t(n) * C.sizeof_double))
		for i, b := range f.Bounds {
			unsafe.Slice(d.bounds, n)[i] = C.double(b)
		}
	}
	if ptr := C.sls_metrics_family(m.c, d); ptr != nil {
		m.families[f] = &engineFamily{ptr: ptr, kind: d.kind}
	}
}

func engineKind(k metric.Kind) C.int {
	switch k {
	case metric.KindCounter:
		return C.SLS_COUNTER
	case metric.KindGauge:
		return C.SLS_GAUGE
	default:
		return C.SLS_HISTOGRAM
	}
}

func (m *engineMetrics) interval() time.Duration { return metricsInterval }

// write sets one series, or nothing once the instance is closed: its metrics context is
// gone then. Every series is set every time, changed or not, so that what the engine
// forwards carries a current timestamp.
func (m *engineMetrics) write(f *metric.Family, s *metric.Sample) {
	family := m.families[f]
	if family == nil {
		return
	}
	labels := m.labels(family, s)
	now, n := C.uint64_t(time.Now().UnixNano()), C.int(len(labels))
	m.instance.mu.RLock()
	defer m.instance.mu.RUnlock()
	switch {
	case !m.instance.open:
	case f.Kind == metric.KindHistogram:
		C.sls_metrics_observe(m.c, family.ptr, now, (*C.uint64_t)(&s.Buckets[0]),
			C.double(s.Sum), C.uint64_t(s.Count()), n, &labels[0])
	default:
		C.sls_metrics_set(m.c, family.kind, family.ptr, now, C.double(s.Value), n, &labels[0])
	}
}

// labels are the label values of a series, made once.
func (m *engineMetrics) labels(f *engineFamily, s *metric.Sample) []*C.char {
	for len(f.series) <= s.Index {
		f.series = append(f.series, nil)
	}
	if f.series[s.Index] == nil {
		values := []*C.char{m.name}
		for _, v := range s.Labels {
			values = append(values, C.CString(v))
		}
		f.series[s.Index] = values
	}
	return f.series[s.Index]
}

func (m *engineMetrics) flush() {}

// free releases what is on the C heap; cmetrics has copies of its own.
func (m *engineMetrics) free() {
	for _, f := range m.families {
		for _, values := range f.series {
			for _, v := range values[min(1, len(values)):] {
				C.free(unsafe.Pointer(v))
			}
		}
	}
	m.families = nil
	C.free(unsafe.Pointer(m.name))
	C.free(unsafe.Pointer(m.c))
}

// heap is C memory that is freed together.
type heap []unsafe.Pointer

func (h *heap) bytes(n C.size_t) unsafe.Pointer {
	p := C.calloc(1, n)
	*h = append(*h, p)
	return p
}

func (h *heap) string(s string) *C.char {
	p := C.CString(s)
	*h = append(*h, unsafe.Pointer(p))
	return p
}

func (h *heap) free() {
	for _, p := range *h {
		C.free(p)
	}
}
