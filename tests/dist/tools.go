package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// ensureTools installs what is missing to build and to run for the target, on
// Debian and as root; elsewhere it says what to install.
func (t target) ensureTools(ctx context.Context) error {
	missing := t.missing()
	if len(missing) == 0 {
		return nil
	}
	install := append([]string{"install", "-y", "--no-install-recommends"}, t.packages...)
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return fmt.Errorf("linux/%s needs %s: install them (Debian, as root: apt-get %s)",
			t.arch, strings.Join(missing, ", "), strings.Join(install, " "))
	}
	fmt.Printf("linux/%s: installing %s\n", t.arch, strings.Join(t.packages, ", "))
	if err := errors.Join(aptGet(ctx, "update", "-qq"), aptGet(ctx, append(install, "-qq")...)); err != nil {
		return fmt.Errorf("install what linux/%s needs: %w", t.arch, err)
	}
	if missing := t.missing(); len(missing) > 0 {
		return fmt.Errorf("linux/%s still needs %s", t.arch, strings.Join(missing, ", "))
	}
	return nil
}

// missing names what is not there of the compiler and, for another processor
// than this machine's, the emulator and the C library to emulate with.
func (t target) missing() []string {
	var missing []string
	tools := []string{t.cc}
	if t.arch != runtime.GOARCH {
		tools = append(tools, t.emulator)
		libc := filepath.Join(t.sysroot, "lib", "libc.so.6")
		if _, err := os.Stat(libc); err != nil {
			missing = append(missing, libc)
		}
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, tool)
		}
	}
	return missing
}

func aptGet(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
