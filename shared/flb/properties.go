package flb

/*
#include <stdlib.h>
#include "engine.h"
*/
import "C"

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"
	"syscall"
	"unsafe"
)

// The engine gives a plugin the first value of a property and no other. But it keeps an
// entry for each item of a YAML list and for each time that a name is typed:
//
//	struct flb_kv  { char *key; char *val; struct mk_list _head; };
//	struct mk_list { struct mk_list *prev, *next; };
//
// Both have been so since the first engine with Go plugins. Where the list begins in the
// instance differs by version, so it is searched for. It is a ring of entries, linked in
// both directions and anchored in the instance, and it holds the very string that the
// engine's own look-up returns. An entry is in one ring only, so no other ring can pass
// for it. All memory is read through the kernel: it refuses a wrong address, where a read
// of our own would end the agent.

// Bounds of what is looked at.
const (
	maxInstance   = 32 << 10 // bytes from the start of an instance; 5.1 has 2.5 KiB
	maxProperties = 10_000
	maxText       = 1 << 20
	wordSize      = unsafe.Sizeof(uintptr(0))
)

// entry is a struct flb_kv.
type entry struct {
	key string
	val uintptr // 0: an empty value
}

// Values returns every value of a configuration key in the order typed, "" for an empty
// one. The items of a YAML list are several values. ok is false where it cannot be seen
// whether there are more values than Property returns. Call it from FLBPluginInit only.
func (i *Instance) Values(key string) (values []string, ok bool) {
	first := i.address(key)
	m, err := openMemory()
	if err != nil {
		return nil, false
	}
	defer m.close()
	if i.entries == nil && first != 0 {
		i.entries = m.entries(uintptr(i.ptr), first)
	}
	return m.values(i.entries, key, first)
}

// address is where the engine keeps the first value of a key; 0: none, or an empty one.
func (i *Instance) address(key string) uintptr {
	name := C.CString(key)
	defer C.free(unsafe.Pointer(name))
	return uintptr(unsafe.Pointer(C.sls_property(i.api, i.ptr, C.int(i.dir), name)))
}

// memory reads this process's own memory. The kernel copies it through a pipe, which
// every sandbox allows.
type memory struct{ r, w *os.File }

func openMemory() (*memory, error) {
	r, w, err := os.Pipe()
	return &memory{r, w}, err
}

func (m *memory) close() {
	_, _ = m.r.Close(), m.w.Close() // nothing is in it that anybody waits for
}

// read returns n bytes at an address, n at most 4096; nil where they are not all readable.
func (m *memory) read(at uintptr, n int) []byte {
	written, _, errno := syscall.Syscall(syscall.SYS_WRITE, m.w.Fd(), at, uintptr(n))
	if errno != 0 {
		return nil
	}
	b := make([]byte, written)
	if _, err := m.r.Read(b); err != nil || int(written) != n {
		return nil
	}
	return b
}

func (m *memory) words(at uintptr, n int) []uintptr {
	b := m.read(at, n*int(wordSize))
	if b == nil {
		return nil
	}
	words := make([]uintptr, n)
	for i := range words {
		words[i] = uintptr(binary.NativeEndian.Uint64(b[i*int(wordSize):]))
	}
	return words
}

// text is the string that begins at an address and ends with a NUL.
func (m *memory) text(at uintptr) (string, bool) {
	const step = 64 // divides a page: none is read that the string is not in
	var b []byte
	for len(b) < maxText {
		n := step - int(at%step)
		part := m.read(at, n)
		if part == nil {
			return "", false
		}
		if end := bytes.IndexByte(part, 0); end >= 0 {
			return string(append(b, part[:end]...)), true
		}
		b, at = append(b, part...), at+uintptr(n)
	}
	return "", false
}

// entries returns the properties of the instance at an address, nil if they are not
// found. known is where the value of one of them lies.
func (m *memory) entries(instance, known uintptr) []entry {
	const step = 128 // words at once
	for offset := uintptr(0); offset < maxInstance; offset += step * wordSize {
		words := m.words(instance+offset, step)
		for i, next := range words {
			head := instance + offset + uintptr(i-1)*wordSize // {prev, next}
			if found := m.ring(head, next, known); found != nil {
				return found
			}
		}
		if words == nil {
			return nil
		}
	}
	return nil
}

// ring reads the list that begins at head, if that is one: with entries, linked in both
// directions, one of them with the value at known.
func (m *memory) ring(head, next, known uintptr) []entry {
	var entries []entry
	var keys []uintptr
	hit := false
	before := head
	for at := next; at != head; {
		if at < 4096 || at%wordSize != 0 || len(entries) == maxProperties {
			return nil
		}
		kv := m.words(at-2*wordSize, 4) // key, val, prev, next
		if kv == nil || kv[2] != before {
			return nil
		}
		keys, entries = append(keys, kv[0]), append(entries, entry{val: kv[1]})
		hit = hit || kv[1] == known
		before, at = at, kv[3]
	}
	if prev := m.words(head, 1); !hit || prev == nil || prev[0] != before {
		return nil
	}
	for i, at := range keys {
		key, ok := m.text(at)
		if !ok || key == "" {
			return nil
		}
		entries[i].key = key
	}
	return entries
}

// values returns the values of a key. first is where the engine's look-up finds the first
// of them.
func (m *memory) values(entries []entry, key string, first uintptr) (values []string, ok bool) {
	for _, e := range entries {
		if !strings.EqualFold(e.key, key) {
			continue
		}
		if values == nil && e.val != first {
			return nil, false
		}
		value := ""
		if e.val != 0 {
			if value, ok = m.text(e.val); !ok {
				return nil, false
			}
		}
		values = append(values, value)
	}
	return values, entries != nil && (values != nil || first == 0)
}
