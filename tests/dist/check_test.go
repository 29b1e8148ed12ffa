package main

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// library compiles a shared library for this machine.
func library(t *testing.T, flags ...string) string {
	t.Helper()
	folder := t.TempDir()
	source, so := filepath.Join(folder, "a.c"), filepath.Join(folder, "a.so")
	require.NoError(t, os.WriteFile(source, []byte("#include <stdio.h>\nvoid hello(void) { puts(\"hello\"); }\n"), 0o600))
	args := append([]string{"-shared", "-fPIC", "-o", so, source}, flags...)
	out, err := exec.CommandContext(t.Context(), "gcc", args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return so
}

// here is this machine's processor, and another.
func here(t *testing.T) (this, other elf.Machine) {
	t.Helper()
	for _, target := range targets() {
		if target.arch == runtime.GOARCH {
			this = target.machine
		} else {
			other = target.machine
		}
	}
	require.NotZero(t, this, "releases are made on amd64 or arm64")
	return this, other
}

func TestCheck(t *testing.T) {
	this, other := here(t)
	so := library(t)
	report, err := check(so, this)
	require.NoError(t, err)
	require.Contains(t, report, "needs libc.so.6, glibc 2.")

	_, err = check(so, other)
	require.ErrorContains(t, err, "not a shared library for "+other.String())
	_, err = check(library(t, "-Wl,--no-as-needed", "-lm"), this)
	require.ErrorContains(t, err, "needs the shared library libm.so.6")
	_, err = check(filepath.Join(filepath.Dir(so), "a.c"), this)
	require.ErrorContains(t, err, "check ")
	program, err := os.Executable()
	require.NoError(t, err)
	_, err = check(program, this)
	require.Error(t, err, "a program is no plugin")
}

func TestNewestGlibc(t *testing.T) {
	needs := func(versions ...string) []elf.DynamicVersionNeed {
		need := elf.DynamicVersionNeed{Name: "libc.so.6"}
		for _, v := range versions {
			need.Needs = append(need.Needs, elf.DynamicVersionDep{Dep: v})
		}
		return []elf.DynamicVersionNeed{need}
	}
	for _, c := range []struct {
		needs []elf.DynamicVersionNeed
		want  int
	}{
		{nil, 0},
		{needs("GLIBC_2.2.5"), 2},
		{needs("GLIBC_2.34", "GLIBC_2.4", "GLIBC_2.17"), 34},
		{append(needs("GLIBC_2.17"), needs("GLIBC_2.100")...), 100},
	} {
		got, err := newestGlibc(c.needs)
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
	for _, version := range []string{"GLIBC_PRIVATE", "GLIBC_ABI_DT_RELR", "GLIBCXX_3.4", "GLIBC_2.x"} {
		_, err := newestGlibc(needs(version))
		require.ErrorContains(t, err, "needs "+version+" of libc.so.6")
	}
	require.ErrorContains(t, tooNew(glibcMinor+1), "needs glibc 2.18, newer than 2.17")
	require.NoError(t, tooNew(glibcMinor))
}

func TestTooLarge(t *testing.T) {
	require.NoError(t, tooLarge(maxBytes))
	require.ErrorContains(t, tooLarge(maxBytes+1), "has 12000001 bytes, above 12000000")
}
