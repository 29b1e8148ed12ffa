package prometheus

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// panicHeader makes a plugin built by buildPanicking panic, in whichever goroutine makes
// the call that it answers.
const panicHeader = "X-Test-Panic"

// buildPanicking builds the plugins with one line more, which go build's overlay puts behind a
// call's answer: no input is known that makes those of a release panic. It returns their folder.
func buildPanicking(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	original, err := filepath.Abs("../../shared/sls/call.go")
	require.NoError(t, err)
	text, err := os.ReadFile(original)
	require.NoError(t, err)
	const place = "\tdefer resp.Body.Close()"
	require.Equal(t, 1, strings.Count(string(text), place), "the place for the panic")
	changed := strings.Replace(string(text), place, "\tif resp.Header.Get(\""+panicHeader+"\") != \"\" {\n\t\tpanic(\"of a test\")\n\t}\n"+place, 1)
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{original: filepath.Join(dir, "call.go")}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "call.go"), []byte(changed), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))
	for _, name := range []string{"out_sls", "in_sls"} {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-overlay", filepath.Join(dir, "overlay.json"),
			"-buildmode=c-shared", "-trimpath", "-o", filepath.Join(dir, name+".so"), "./"+name)
		cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	return dir
}
