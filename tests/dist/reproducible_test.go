package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The same source gives the same plugin, in whatever folder it is built, and no larger one than `make dist` takes.
func TestSameSourceSameBytes(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	require.NoError(t, err)
	m := regexp.MustCompile(`(?m)^FLAGS +:= (.+) -ldflags '(.+)'$`).FindStringSubmatch(string(makefile))
	require.NotNil(t, m)
	flags := append(strings.Fields(m[1]), "-ldflags", strings.ReplaceAll(m[2], "$(VERSION)", "v1"))
	var built [][]byte
	for _, folder := range []string{"a", "another/and/a/longer/one"} {
		copied := filepath.Join(t.TempDir(), folder)
		for _, name := range []string{"out_sls", "shared"} {
			require.NoError(t, os.CopyFS(filepath.Join(copied, name), os.DirFS(filepath.Join(root, name))))
		}
		for _, name := range []string{"go.mod", "go.sum"} {
			text, err := os.ReadFile(filepath.Join(root, name))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(copied, name), text, 0o600))
		}
		t.Chdir(copied)
		oldest, err := oldest()
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), "go", append(append([]string{"build", "-o", "out.so"}, flags...), "./out_sls")...)
		cmd.Env = append(append(os.Environ(), "CGO_ENABLED=1"), oldest...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		so, err := os.ReadFile("out.so")
		require.NoError(t, err)
		require.NotContains(t, string(so), copied, "the folder")
		require.NoError(t, tooLarge(int64(len(so))))
		built = append(built, so)
	}
	require.Len(t, built[1], len(built[0]))
	require.True(t, bytes.Equal(built[0], built[1]), "the bytes differ")
}
