package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// checkTools says what is missing to build and to run for the target.
func (t target) checkTools() error {
	missing := t.missing()
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("linux/%s needs %s: `make setup` installs them as root on Debian, where they are in %s",
		t.arch, strings.Join(missing, ", "), strings.Join(t.packages, ", "))
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
