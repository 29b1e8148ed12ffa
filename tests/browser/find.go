// Package browser runs a headless Chromium for the tests of pages that the
// project writes. It opens files only: no name resolves in it, so a page that
// wants the network shows itself. It knows nothing of what is on a page.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// names are what Chromium is called where it is packaged.
var names = [...]string{"chromium", "chromium-browser", "chromium-headless-shell", "google-chrome", "google-chrome-stable"}

// Find returns the Chromium named by CHROMIUM or found on the PATH. Where there
// is none, it installs Debian's package, which takes root and apt-get. The
// error says what to install.
func Find(ctx context.Context) (string, error) {
	if bin := os.Getenv("CHROMIUM"); bin != "" {
		return exec.LookPath(bin)
	}
	if bin, ok := look(); ok {
		return bin, nil
	}
	if err := install(ctx); err != nil {
		return "", fmt.Errorf("no chromium on the PATH or in CHROMIUM, and none could be installed: %w", err)
	}
	if bin, ok := look(); ok {
		return bin, nil
	}
	return "", errors.New("the package chromium is installed, but there is no chromium on the PATH")
}

func look() (string, bool) {
	for _, name := range names {
		if bin, err := exec.LookPath(name); err == nil {
			return bin, true
		}
	}
	return "", false
}

// install installs Debian's chromium. Fonts come with it.
func install(ctx context.Context) error {
	if _, err := exec.LookPath("apt-get"); err != nil || os.Getuid() != 0 {
		return errors.New("that takes root and apt-get; install the package chromium")
	}
	var err error
	for range 2 { // mirrors fail now and then
		if err = apt(ctx, "update"); err == nil {
			err = apt(ctx, "install", "--yes", "--no-install-recommends", "chromium")
		}
		if err == nil {
			return nil
		}
	}
	return err
}

func apt(ctx context.Context, args ...string) error {
	// Another package manager at work is waited for.
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"--quiet", "--option", "DPkg::Lock::Timeout=120"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out[max(0, len(out)-2000):])
	}
	return nil
}
