package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInstall(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "opt", "sls")
	for _, name := range []string{"out_sls.so", "in_sls.so", "README.md"} {
		require.NoError(t, os.WriteFile(filepath.Join(from, name), []byte("this is "+name), 0o600))
	}
	told := &bytes.Buffer{}
	require.NoError(t, install(from, to, told))
	require.Equal(t, "installed "+to+"/in_sls.so, 17 bytes\ninstalled "+to+"/out_sls.so, 18 bytes\n", told.String())
	require.Equal(t, []string{"in_sls.so", "out_sls.so"}, list(t, to))
	for _, name := range list(t, to) {
		text, err := os.ReadFile(filepath.Join(to, name))
		require.NoError(t, err)
		require.Equal(t, "this is "+name, string(text))
		info, err := os.Stat(filepath.Join(to, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o755), info.Mode(), "any user may load it")
	}
}

// What a Fluent Bit has loaded must not change under it.
func TestInstallLeavesWhatIsOpen(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(from, "a.so"), []byte("new"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(to, "a.so"), []byte("old"), 0o600))
	loaded, err := os.Open(filepath.Join(to, "a.so"))
	require.NoError(t, err)
	defer loaded.Close()
	require.NoError(t, install(from, to, &bytes.Buffer{}))
	text := make([]byte, 3)
	_, err = loaded.ReadAt(text, 0)
	require.NoError(t, err)
	require.Equal(t, "old", string(text))
	text, err = os.ReadFile(filepath.Join(to, "a.so"))
	require.NoError(t, err)
	require.Equal(t, "new", string(text))
}

func TestInstallErrors(t *testing.T) {
	from := t.TempDir()
	require.EqualError(t, install(from, t.TempDir(), &bytes.Buffer{}), "no plugin (*.so) in "+from)

	require.NoError(t, os.Mkdir(filepath.Join(from, "a.so"), 0o755))
	to := t.TempDir()
	require.ErrorContains(t, install(from, to, &bytes.Buffer{}), "copy "+from+"/a.so: ")
	require.Empty(t, list(t, to), "nothing is left of a copy that failed")

	file := filepath.Join(to, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.ErrorContains(t, install(from, file, &bytes.Buffer{}), "not a directory")
}

func list(t *testing.T, folder string) (names []string) {
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
