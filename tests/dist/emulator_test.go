package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The emulator of a release runs anywhere, and shows its page.
func TestEmulator(t *testing.T) {
	t.Chdir("../..")
	this, other := here(t)
	for _, to := range targets() {
		if to.arch != runtime.GOARCH {
			continue
		}
		file, err := to.buildEmulator(t.Context())
		require.NoError(t, err)
		require.NoError(t, to.proveEmulator(t.Context(), file))
		require.ErrorContains(t, checkStatic(file, other), "not a program for "+other.String())
	}
	require.ErrorContains(t, checkStatic(library(t), this), "not a program for "+this.String())
	dynamic, err := filepath.EvalSymlinks("/bin/sh")
	require.NoError(t, err)
	require.Error(t, checkStatic(dynamic, this), "it has a loader")
	require.EqualError(t, showsPage(t.Context(), strings.NewReader("endpoint http://127.0.0.1:1\n")), "it does not say where its page is")
}

// What is missing is brought into a folder that is not there yet.
func TestSetupInAFreshTree(t *testing.T) {
	setup, err := filepath.Abs("../setup.sh")
	require.NoError(t, err)
	fresh, tools := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		"apt-get": `case "$*" in
*indextargets*) echo http://deb.example/debian ;;
*download*) for a; do case $a in APT::Architecture=*) touch "libc6_1_${a#*=}.deb" ;; esac; done ;;
esac`,
		"dpkg-deb": `test "$1" = --extract && mkdir "$3" && touch "$3/libc"`, // makes one folder, no more
	} {
		require.NoError(t, os.WriteFile(filepath.Join(tools, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755))
	}
	t.Setenv("PATH", tools+":"+os.Getenv("PATH"))
	t.Chdir(fresh)
	out, err := exec.CommandContext(t.Context(), "sh", setup, "glibc").CombinedOutput()
	require.NoError(t, err)
	for _, arch := range []string{"amd64", "arm64"} {
		require.FileExists(t, filepath.Join("build/tools/glibc-"+arch, "libc"), "%s", out)
	}
}
