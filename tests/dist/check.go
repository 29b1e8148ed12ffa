package main

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// glibcMinor is the newest glibc, 2.17, that a plugin may need: that of the
// oldest systems promised, CentOS 7 and Alibaba Cloud Linux 2.
const glibcMinor = 17

// maxBytes is what a plugin may be large on either processor, 12 MB: about 11 MB is what its
// modules need with Go 1.26. One that makes the linker keep every method, or brings a second
// protobuf runtime, is above it.
const maxBytes = 12_000_000

// libraries are the shared libraries that a plugin may need: those of glibc. A
// Fluent Bit image holds little more.
var libraries = []string{"libc.so.6", "libpthread.so.0", "libdl.so.2", "libresolv.so.2"}

// check reports what the plugin needs of the system it is loaded on, or every
// reason not to release it: another processor, a shared library that may not be
// there, a glibc that is too new, or its size.
func check(so string, machine elf.Machine) (report string, err error) {
	f, err := elf.Open(so)
	if err != nil {
		return "", fmt.Errorf("check %s: %w", so, err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	needs, err1 := f.ImportedLibraries()
	versions, err2 := f.DynamicVersionNeeds()
	if err := errors.Join(err1, err2); err != nil {
		return "", fmt.Errorf("check %s: %w", so, err)
	}
	var problems []error
	if f.Type != elf.ET_DYN || f.Machine != machine {
		problems = append(problems, fmt.Errorf("is %s for %s, not a shared library for %s", f.Type, f.Machine, machine))
	}
	for _, lib := range needs {
		if !slices.Contains(libraries, lib) {
			problems = append(problems, fmt.Errorf("needs the shared library %s; allowed are %s",
				lib, strings.Join(libraries, ", ")))
		}
	}
	newest, err := newestGlibc(versions)
	problems = append(problems, err, tooNew(newest))
	info, err := os.Stat(so)
	if err != nil {
		return "", fmt.Errorf("check: %w", err)
	}
	problems = append(problems, tooLarge(info.Size()))
	if err := errors.Join(problems...); err != nil {
		return "", fmt.Errorf("%s:\n%w", so, err)
	}
	return fmt.Sprintf("%s, %.2f MB, needs %s, glibc 2.%d", machine, float64(info.Size())/1e6, strings.Join(needs, ", "), newest), nil
}

// newestGlibc returns the minor number of the newest GLIBC_2.x among the symbol
// versions needed, 0 without any. GLIBC_PRIVATE ties a library to one build of
// glibc; GLIBC_ABI_... came with newer ones than we promise: errors both.
func newestGlibc(needs []elf.DynamicVersionNeed) (int, error) {
	newest := 0
	for _, need := range needs {
		for _, dep := range need.Needs {
			version, ok := strings.CutPrefix(dep.Dep, "GLIBC_2.")
			if !ok {
				return 0, fmt.Errorf("needs %s of %s, which is no version of glibc", dep.Dep, need.Name)
			}
			minor, _, _ := strings.Cut(version, ".") // GLIBC_2.2.5
			n, err := strconv.Atoi(minor)
			if err != nil {
				return 0, fmt.Errorf("needs %s of %s: %w", dep.Dep, need.Name, err)
			}
			newest = max(newest, n)
		}
	}
	return newest, nil
}

func tooLarge(bytes int64) error {
	if bytes <= maxBytes {
		return nil
	}
	return fmt.Errorf("has %d bytes, above %d: see DESIGN.md, Decisions, what a plugin weighs", bytes, maxBytes)
}

func tooNew(minor int) error {
	if minor <= glibcMinor {
		return nil
	}
	return fmt.Errorf("needs glibc 2.%d, newer than 2.%d: see shared/flb/glibc.h, which asks for older versions", minor, glibcMinor)
}
