package main

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"fluent-bit-sls/tests/e2e"
	"fluent-bit-sls/tests/flbhost"
)

// target is a processor that a release is made for, by the names that Go, ELF,
// GNU and Debian have for it.
type target struct {
	arch     string // of Go, and of Debian's packages
	machine  elf.Machine
	triple   string // of GNU, where Debian's libraries lie
	cc       string // compiler for it
	emulator string // QEMU's user-mode emulation of it
	sysroot  string // where Debian puts its C library on other machines
	packages []string
}

// targets are the processors of a release.
func targets() []target {
	all := []target{
		{
			arch: "amd64", machine: elf.EM_X86_64, triple: "x86_64-linux-gnu", cc: "x86_64-linux-gnu-gcc",
			emulator: "qemu-x86_64", sysroot: "/usr/x86_64-linux-gnu",
			packages: []string{"gcc-x86-64-linux-gnu", "libc6-dev-amd64-cross", "qemu-user"},
		},
		{
			arch: "arm64", machine: elf.EM_AARCH64, triple: "aarch64-linux-gnu", cc: "aarch64-linux-gnu-gcc",
			emulator: "qemu-aarch64", sysroot: "/usr/aarch64-linux-gnu",
			packages: []string{"gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "qemu-user"},
		},
	}
	for i := range all {
		if all[i].arch == runtime.GOARCH {
			all[i].cc = "gcc"
		}
	}
	return all
}

// folder is where the target's plugins are built, below the module's root.
func (t target) folder() string { return filepath.Join("build", "linux-"+t.arch) }

// oldest is the environment for the C compiler and the linker that asks for the oldest glibc,
// as in the Makefile.
func oldest() ([]string, error) {
	header, err := filepath.Abs("shared/flb/glibc.h")
	if err != nil {
		return nil, err
	}
	return []string{
		"CGO_CFLAGS=-O2 -g -include " + header,
		"CGO_LDFLAGS=-O2 -g -Wl,--no-as-needed -l:libpthread.so.0 -l:libdl.so.2",
	}, nil
}

// build builds both plugins with these flags of go build.
func (t target) build(ctx context.Context, flags []string) (e2e.Plugins, error) {
	oldest, err := oldest()
	if err != nil {
		return e2e.Plugins{}, err
	}
	for _, name := range []string{"out_sls", "in_sls"} {
		so := filepath.Join(t.folder(), name+".so")
		args := append([]string{"build", "-o", so}, flags...)
		cmd := exec.CommandContext(ctx, "go", append(args, "./"+name)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "GOOS=linux", "GOARCH="+t.arch, "CC="+t.cc)
		cmd.Env = append(cmd.Env, oldest...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return e2e.Plugins{}, fmt.Errorf("build %s for linux/%s: %w", name, t.arch, err)
		}
	}
	plugins, err := e2e.FindPlugins(t.folder())
	if err != nil {
		return plugins, err
	}
	return plugins.Abs()
}

// host compiles a host for the target and returns what runs plugins in it.
func (t target) host(ctx context.Context, plugins e2e.Plugins) (e2e.Host, error) {
	bin, err := t.buildHost(ctx, "host")
	if err != nil {
		return nil, err
	}
	var wrapper []string
	if t.arch != runtime.GOARCH {
		wrapper = []string{t.emulator, "-L", t.sysroot}
	}
	return e2e.Emulated(plugins, bin, wrapper), nil
}

// buildHost compiles the host below the target's folder.
func (t target) buildHost(ctx context.Context, name string, flags ...string) (bin string, err error) {
	folder, err := filepath.Abs(filepath.Join(t.folder(), name))
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o755)); err != nil {
		return "", err
	}
	return flbhost.BuildWith(ctx, t.cc, folder, flags...)
}
