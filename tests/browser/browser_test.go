package browser

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// onlyPath makes dir the whole PATH.
func onlyPath(t *testing.T) (dir string) {
	dir = t.TempDir()
	t.Setenv("PATH", dir)
	t.Setenv("CHROMIUM", "")
	return dir
}

func script(t *testing.T, name, body string) string {
	require.NoError(t, os.WriteFile(name, []byte("#!/bin/sh\n"+body), 0o700))
	return name
}

func TestFindTakesWhatIsNamedOrOnThePath(t *testing.T) {
	dir := onlyPath(t)
	there := script(t, filepath.Join(dir, "chromium-browser"), "")
	bin, err := Find()
	require.NoError(t, err)
	require.Equal(t, there, bin)

	other := script(t, filepath.Join(t.TempDir(), "mine"), "")
	t.Setenv("CHROMIUM", other)
	bin, err = Find()
	require.NoError(t, err)
	require.Equal(t, other, bin)

	t.Setenv("CHROMIUM", filepath.Join(dir, "none"))
	_, err = Find()
	require.ErrorIs(t, err, os.ErrNotExist, "what is named is not replaced by another")
}

func TestFindSaysWhatToInstall(t *testing.T) {
	onlyPath(t)
	_, err := Find()
	require.EqualError(t, err, "no chromium on the PATH or in CHROMIUM: make setup installs Debian's package, as root")
}

// A browser that ends before it answers is an error that says what it printed, not a wait.
func TestBrowserGone(t *testing.T) {
	bin := script(t, filepath.Join(t.TempDir(), "gone"), "echo no display >&2; exit 1")
	_, err := Start(t.Context(), bin, t.TempDir())
	require.ErrorContains(t, err, "start "+bin)
	require.ErrorContains(t, err, "no display")
}

func TestStartWithoutBrowser(t *testing.T) {
	_, err := Start(t.Context(), filepath.Join(t.TempDir(), "none"), t.TempDir())
	require.ErrorIs(t, err, os.ErrNotExist)
}
