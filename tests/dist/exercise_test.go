package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/e2e"
)

// The proof fails for plugins of another version.
func TestExerciseKnowsTheVersion(t *testing.T) {
	plugins, err := e2e.FindPlugins(filepath.Join("..", "..", "build"))
	require.NoError(t, err)
	plugins, err = plugins.Abs()
	require.NoError(t, err)
	hosts, err := e2e.Hosts(t.Context(), plugins, t.TempDir())
	require.NoError(t, err)
	err = exercise(t.Context(), hosts[0], "v0.no-such-version", 1000)
	require.ErrorContains(t, err, `the User-Agent of PutLogs is "fluent-bit-sls-out/`)
	require.ErrorContains(t, err, `the User-Agent of PullLogs is "fluent-bit-sls-in/`)
	require.ErrorContains(t, err, "version v0.no-such-version is not in the log")
	require.NotContains(t, err.Error(), "did not come back")
}

func TestCompare(t *testing.T) {
	text := "a\nb\nb\nc\n"
	require.NoError(t, compare(bytes.NewBufferString(text), map[string]int{"a": 1, "b": 2, "c": 1}))
	require.EqualError(t, compare(bytes.NewBufferString(text), map[string]int{"a": 1, "b": 1, "c": 1, "d": 2}),
		"1 lines did not come back, 2 came that were not shipped")
}

// The error says what is missing and how to get it.
func TestMissingTools(t *testing.T) {
	empty := t.TempDir()
	t.Setenv("PATH", empty)
	tool := target{
		arch: "riscv", cc: "riscv-gcc", emulator: "qemu-riscv", sysroot: filepath.Join(empty, "sysroot"),
		packages: []string{"gcc-riscv", "qemu-user"},
	}
	err := tool.checkTools()
	require.EqualError(t, err, "linux/riscv needs "+filepath.Join(empty, "sysroot", "lib", "libc.so.6")+
		", riscv-gcc, qemu-riscv: `make setup` installs them as root on Debian, where they are in gcc-riscv, qemu-user")

	require.NoError(t, os.MkdirAll(filepath.Join(empty, "sysroot", "lib"), 0o755))
	for _, name := range []string{"riscv-gcc", "qemu-riscv", "sysroot/lib/libc.so.6"} {
		require.NoError(t, os.WriteFile(filepath.Join(empty, name), nil, 0o755))
	}
	require.NoError(t, tool.checkTools())
}

func TestVersionNamesFiles(t *testing.T) {
	for _, version := range []string{"", "release/1.0", ".."} {
		require.ErrorContains(t, run(t.Context(), version, nil, 1), "--version", version)
	}
}
