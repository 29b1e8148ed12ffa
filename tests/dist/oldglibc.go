package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"

	"fluent-bit-sls/tests/e2e"
)

// oldGlibc is the one that a release is tried with, of Debian 11.
const oldGlibc = "2.31"

// oldHost is host under that glibc, which make setup has brought to build/tools; nil
// without. Its own loader runs there, so that nothing of this machine's glibc is used.
func (t target) oldHost(ctx context.Context, plugins e2e.Plugins) (e2e.Host, error) {
	folder, err := filepath.Abs(filepath.Join("build", "tools", "glibc-"+t.arch, "lib", t.triple))
	if err != nil {
		return nil, err
	}
	loader := filepath.Join(folder, "ld-"+oldGlibc+".so")
	if _, err := os.Stat(loader); err != nil {
		return nil, nil //nolint:nilnil,nilerr // it is not here, which is no failure
	}
	flags := []string{"-Wl,--wrap=__libc_start_main"}
	for _, header := range []string{"shared/flb/glibc.h", "tests/dist/oldhost/host.h"} {
		path, err := filepath.Abs(header)
		if err != nil {
			return nil, err
		}
		flags = append(flags, "-include", path)
	}
	bin, err := t.buildHost(ctx, "oldhost", append(flags, "-Wl,--no-as-needed", "-l:libpthread.so.0", "-l:libdl.so.2")...)
	if err != nil {
		return nil, err
	}
	wrapper := []string{loader, "--library-path", folder}
	if t.arch != runtime.GOARCH {
		wrapper = append([]string{t.emulator}, wrapper...)
	}
	return e2e.Emulated(plugins, bin, wrapper), nil
}
