package main

import (
	"bufio"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// buildEmulator builds the emulator of SLS as a program of its own and returns its file.
func (t target) buildEmulator(ctx context.Context) (string, error) {
	file, err := filepath.Abs(filepath.Join(t.folder(), "slsfake"))
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w -buildid=", "-o", file, "./tests/slsfake/cmd/slsfake")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+t.arch)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("build slsfake for linux/%s: %w", t.arch, err)
	}
	return file, nil
}

// proveEmulator fails unless the emulator needs nothing of the system, runs and shows its page.
func (t target) proveEmulator(ctx context.Context, file string) error {
	if err := checkStatic(file, t.machine); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	command := []string{file}
	if t.arch != runtime.GOARCH {
		command = append([]string{t.emulator}, command...)
	}
	cmd := exec.CommandContext(ctx, command[0], append(command[1:], "--listen", "127.0.0.1:0")...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start slsfake: %w", err)
	}
	err = showsPage(ctx, out)
	err = errors.Join(err, cmd.Process.Signal(syscall.SIGTERM))
	_, ignored := io.Copy(io.Discard, out) // its totals
	if err := errors.Join(err, ignored, cmd.Wait()); err != nil {
		return fmt.Errorf("slsfake: %w", err)
	}
	fmt.Printf("%s: %s, static, shows its page\n", file, t.machine)
	return nil
}

// showsPage reads the page that the output of slsfake names.
func showsPage(ctx context.Context, out io.Reader) error {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) != 2 || f[0] != "page" {
			continue
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, f[1], http.NoBody)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		page, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK || !strings.Contains(string(page), "<html") {
			return fmt.Errorf("%s: %s, %d bytes", f[1], resp.Status, len(page))
		}
		return nil
	}
	return errors.New("it does not say where its page is")
}

// checkStatic fails unless the file is a program for the processor that needs no shared
// library and no loader.
func checkStatic(file string, machine elf.Machine) error {
	f, err := elf.Open(file)
	if err != nil {
		return fmt.Errorf("check %s: %w", file, err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	if f.Type != elf.ET_EXEC || f.Machine != machine {
		return fmt.Errorf("%s: is %s for %s, not a program for %s", file, f.Type, f.Machine, machine)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			return fmt.Errorf("%s: is not static: it has %s", file, p.Type)
		}
	}
	return nil
}
