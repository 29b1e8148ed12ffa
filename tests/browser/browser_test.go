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
	bin, err := Find(t.Context())
	require.NoError(t, err)
	require.Equal(t, there, bin)

	other := script(t, filepath.Join(t.TempDir(), "mine"), "")
	t.Setenv("CHROMIUM", other)
	bin, err = Find(t.Context())
	require.NoError(t, err)
	require.Equal(t, other, bin)

	t.Setenv("CHROMIUM", filepath.Join(dir, "none"))
	_, err = Find(t.Context())
	require.ErrorIs(t, err, os.ErrNotExist, "what is named is not replaced by another")
}

func TestFindSaysWhatToInstall(t *testing.T) {
	onlyPath(t)
	_, err := Find(t.Context())
	require.EqualError(t, err, "no chromium on the PATH or in CHROMIUM, and none could be installed: "+
		"that takes root and apt-get; install the package chromium")
}

// Root gets Debian's package, if not at the first try then at the second.
func TestFindInstalls(t *testing.T) {
	dir := onlyPath(t)
	script(t, filepath.Join(dir, "apt-get"), `echo "$@" >>"${0%/*}/calls"
case "$*" in *install*) ;; *) exit 0 ;; esac
if [ -e "${0%/*}/tried" ]; then printf '#!/bin/sh\n' >"${0%/*}/chromium"; /bin/chmod +x "${0%/*}/chromium"
else : >"${0%/*}/tried"; echo "no mirror"; exit 100; fi`)
	bin, err := Find(t.Context())
	if os.Getuid() != 0 {
		require.ErrorContains(t, err, "that takes root")
		return
	}
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "chromium"), bin)
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	require.NoError(t, err)
	const options = "--quiet --option DPkg::Lock::Timeout=120 "
	const try = options + "update\n" + options + "install --yes --no-install-recommends chromium\n"
	require.Equal(t, try+try, string(calls))
}

func TestFindTellsWhyInstallingFailed(t *testing.T) {
	script(t, filepath.Join(onlyPath(t), "apt-get"), "echo no mirror; exit 100")
	_, err := Find(t.Context())
	if os.Getuid() != 0 {
		require.ErrorContains(t, err, "that takes root")
		return
	}
	require.ErrorContains(t, err, "apt-get update: exit status 100\nno mirror")
}

// A browser that ends is an error, not a wait; what is no message is passed over.
func TestBrowserGone(t *testing.T) {
	bin := script(t, filepath.Join(t.TempDir(), "gone"), `printf 'what?\0{"id":1,"result":{"product":"Chrome/1"}}\0' >&4; exit 1`)
	b, err := Start(t.Context(), bin, t.TempDir())
	require.NoError(t, err)
	_, err = b.Open(t.Context(), "page.html", View{Width: 1, Height: 1})
	require.Error(t, err)
	require.NoError(t, b.Close(t.Context()))
}

func TestStartWithoutBrowser(t *testing.T) {
	_, err := Start(t.Context(), filepath.Join(t.TempDir(), "none"), t.TempDir())
	require.ErrorIs(t, err, os.ErrNotExist)
}
