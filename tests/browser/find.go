// Package browser runs a headless Chromium for the tests of pages that the
// project writes. It opens files and pages of this machine only: no name resolves in
// it, so a page that wants the network shows itself. It installs nothing, and knows
// nothing of what is on a page.
package browser

import (
	"errors"
	"os"
	"os/exec"
)

// names are what Chromium is called where it is packaged.
var names = [...]string{"chromium", "chromium-browser", "chromium-headless-shell", "google-chrome", "google-chrome-stable"}

var errNone = errors.New("no chromium on the PATH or in CHROMIUM: make setup installs Debian's package, as root")

// Find returns the Chromium named by CHROMIUM or found on the PATH. The error says
// what to install.
func Find() (string, error) {
	if bin := os.Getenv("CHROMIUM"); bin != "" {
		return exec.LookPath(bin)
	}
	for _, name := range names {
		if bin, err := exec.LookPath(name); err == nil {
			return bin, nil
		}
	}
	return "", errNone
}
