package flb

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRecoverLogsThePanic(t *testing.T) {
	export := func(log *slog.Logger) (ret int) {
		defer Recover(log, "FLBPluginExit", &ret, Error)
		panic("boom")
	}
	var own, fallback bytes.Buffer
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(slog.New(slog.NewTextHandler(&fallback, nil)))

	require.Equal(t, Error, export(slog.New(slog.NewTextHandler(&own, nil))))
	require.Contains(t, own.String(), "panic in FLBPluginExit")
	require.Contains(t, own.String(), "panic=boom")
	require.Empty(t, fallback.String())
	require.Equal(t, Error, export(nil), "an export without an instance")
	require.Contains(t, fallback.String(), "panic=boom")
}

// Tags, names and answers come from outside. Whatever they hold, a line is one line and
// has nothing that a terminal obeys; what can be printed stays as it is.
func TestControlCharactersAreQuoted(t *testing.T) {
	h := &handler{instance: &Instance{dir: Output, name: "sls\x1b.0"}}
	for in, want := range map[string]string{
		"app.web":            "app.web",
		"日志-é":               "日志-é",
		"a\x1b[2Jb":          `a\x1b[2Jb`,
		"a\rb\x00\x07\x7f\t": `a\rb\x00\a\x7f\t`,
		"a\u009bb":           `a\u009bb`, // ESC [ in one character
		"a\u202eb\u200b":     `a\u202eb\u200b`,
		"a\xff\x9bb":         `a\xff\x9bb`,
	} {
		quoted := in
		if in != want {
			quoted = `"` + want + `"`
		}
		r := slog.NewRecord(time.Time{}, slog.LevelWarn, "message "+in, 0)
		r.AddAttrs(slog.String("tag", in), slog.Any("error", errors.New(in)))
		with := h.WithAttrs([]slog.Attr{slog.String("shard", in)}).(*handler)
		require.Equal(t, `[output:sls:sls\x1b.0] message `+want+" shard="+quoted+" tag="+quoted+" error="+quoted, with.line(r))
	}
	r := slog.NewRecord(time.Time{}, slog.LevelError, errors.Join(errors.New("one"), errors.New("two\x1b")).Error()+"\r\nthree", 0)
	r.AddAttrs(slog.Any("error", errors.Join(errors.New("one"), errors.New("two"))))
	require.Equal(t, `[output:sls:sls\x1b.0] one; two\x1b; three error="one\ntwo"`, h.line(r))
	require.Zero(t, strings.Count(h.line(r), "\n"))
}
