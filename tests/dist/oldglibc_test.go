package main

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/e2e"
)

// The plugins of make build need nothing newer than an old glibc, and work there.
func TestPluginsUnderAnOldGlibc(t *testing.T) {
	t.Chdir("../..")
	plugins, err := e2e.FindPlugins("build")
	require.NoError(t, err)
	plugins, err = plugins.Abs()
	require.NoError(t, err)
	for _, to := range targets() {
		if to.arch != runtime.GOARCH {
			continue
		}
		for _, so := range []string{plugins.Out, plugins.In} {
			report, err := check(so, to.machine)
			require.NoError(t, err)
			require.Contains(t, report, "libpthread.so.0", "where an older system has the threads")
			require.Contains(t, report, "libdl.so.2")
		}
		host, err := to.oldHost(t.Context(), plugins)
		require.NoError(t, err)
		if host == nil {
			fmt.Printf("report: the plugins were not tried with glibc %s: make setup could not bring it\n", oldGlibc)
			return
		}
		// The version is the Makefile's, so that only this is wrong.
		err = exercise(t.Context(), host, "v0.no-such-version", 1000)
		require.ErrorContains(t, err, "version v0.no-such-version is not in the log")
		require.NotContains(t, err.Error(), "did not come back")
		fmt.Printf("report: the plugins have shipped and read back with glibc %s\n", oldGlibc)
	}
}

// The releases are built as make build does.
func TestOldestIsTheMakefiles(t *testing.T) {
	t.Chdir("../..")
	makefile, err := os.ReadFile("Makefile")
	require.NoError(t, err)
	m := regexp.MustCompile(`(?m)^OLDEST +:= (CGO_CFLAGS)='(.+)' (CGO_LDFLAGS)='(.+)'$`).FindStringSubmatch(string(makefile))
	require.NotNil(t, m)
	here, err := os.Getwd()
	require.NoError(t, err)
	got, err := oldest()
	require.NoError(t, err)
	require.Equal(t, []string{m[1] + "=" + strings.Replace(m[2], "$(CURDIR)", here, 1), m[3] + "=" + m[4]}, got)
}
