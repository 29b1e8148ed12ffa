package flb

/*
#include <stdlib.h>
#include "engine.h"
*/
import "C"

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// Levels of the engine (include/fluent-bit/flb_log.h).
const (
	levelError = 1
	levelWarn  = 2
	levelInfo  = 3
	levelDebug = 4
)

// handler is the slog.Handler of an instance: slog is the only logger interface
// of the engines below, so none of them knows the C side.
type handler struct {
	instance *Instance
	prefix   string // of attribute keys: groups, each followed by a dot
	attrs    string // rendered attributes of With
}

// Enabled asks the engine, which knows the instance's log_level.
func (h *handler) Enabled(_ context.Context, l slog.Level) bool {
	i := h.instance
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.open && C.sls_log_check(i.api, i.ptr, C.int(i.dir), engineLevel(l)) != 0
}

// Handle writes one line. The engine adds time and level.
func (h *handler) Handle(_ context.Context, r slog.Record) error {
	i := h.instance
	line := C.CString(h.line(r))
	defer C.free(unsafe.Pointer(line))
	i.mu.RLock()
	defer i.mu.RUnlock()
	if i.open {
		C.sls_log_print(i.api, engineLevel(r.Level), line)
	}
	return nil
}

// line is what is written of r.
func (h *handler) line(r slog.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[%s:sls:%s] %s", h.instance.dir, h.instance.name, r.Message)
	b.WriteString(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		appendAttr(&b, h.prefix, a)
		return true
	})
	return printable(b.String())
}

// WithAttrs returns a handler that ends every line with attrs.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	b.WriteString(h.attrs)
	for _, a := range attrs {
		appendAttr(&b, h.prefix, a)
	}
	return &handler{instance: h.instance, prefix: h.prefix, attrs: b.String()}
}

// WithGroup prefixes the keys of attributes that follow.
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{instance: h.instance, prefix: h.prefix + name + ".", attrs: h.attrs}
}

func appendAttr(b *strings.Builder, prefix string, a slog.Attr) {
	v := a.Value.Resolve().String()
	if v == "" || strings.ContainsAny(v, ` ="`) || printable(v) != v {
		v = strconv.Quote(v)
	}
	fmt.Fprintf(b, " %s%s=%s", prefix, a.Key, v)
}

// printable returns s as one line without anything that a terminal obeys. Tags, names and
// messages from outside must not look like other lines, or hide any. What cannot be
// printed is quoted as in Go, an ESC as \x1b. The line ends between joined errors become
// "; ".
func printable(s string) string {
	if !strings.ContainsFunc(s, hidden) && utf8.ValidString(s) {
		return s
	}
	s = strings.NewReplacer("\r\n", "; ", "\n", "; ").Replace(s)
	b := make([]byte, 0, len(s)+16)
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if hidden(r) || r == utf8.RuneError && n == 1 {
			quoted := strconv.Quote(s[:n])
			b = append(b, quoted[1:len(quoted)-1]...)
		} else {
			b = append(b, s[:n]...)
		}
		s = s[n:]
	}
	return string(b)
}

// hidden tells whether r has no look of its own: control characters, and those that
// turn the direction of a text or have no width.
func hidden(r rune) bool { return !strconv.IsPrint(r) }

func engineLevel(l slog.Level) C.int {
	switch {
	case l >= slog.LevelError:
		return levelError
	case l >= slog.LevelWarn:
		return levelWarn
	case l >= slog.LevelInfo:
		return levelInfo
	default:
		return levelDebug
	}
}

// Recover keeps a panic from ending the agent. Every export defers it. It logs the panic
// with its stack, on stderr where there is no instance and so no log, and makes the
// export return code.
func Recover(log *slog.Logger, export string, ret *int, code int) {
	p := recover()
	if p == nil {
		return
	}
	*ret = code
	if log == nil {
		log = slog.Default()
	}
	log.Error("panic in "+export+", please report it", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
}
