package deadletter

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDeadLetterFileIsRotated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dead")
	d := &file{path: path, limit: 100}
	line := func(i int) string { return strings.Repeat(string(rune('a'+i)), 59) + "\n" }
	for i := range 20 {
		require.NoError(t, d.write([]byte(line(i))))
	}
	require.NoError(t, d.close())
	for i, name := range []string{path, path + ".1", path + ".2", path + ".3", path + ".4"} {
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, line(19-i), string(content))
	}
	require.NoFileExists(t, path+".5")
	// A new process appends to what is there.
	d = &file{path: path, limit: 100}
	require.NoError(t, d.write([]byte("more")))
	require.NoError(t, d.close())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, content, 64)
}

// After a write that failed half way, as on a full disk, the file is opened anew.
func TestDeadLetterAfterAFailedWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dead")
	d := &file{path: path, limit: 1000}
	require.NoError(t, d.write([]byte("one\n")))
	_, err := d.open.WriteString("tw") // half of it
	require.NoError(t, err)
	require.NoError(t, d.open.Close()) // and then no more
	require.ErrorContains(t, d.write([]byte("two\n")), "write dead_letter_file")
	require.NoError(t, d.write([]byte("two\n")))
	require.NoError(t, d.close())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "one\ntw\ntwo\n", string(content))
}

// A file that was there before, readable for all, holds whole records from now on.
func TestDeadLettersArePrivateInAnOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dead")
	require.NoError(t, os.WriteFile(path, nil, 0o644))
	require.NoError(t, os.Chmod(path, 0o644))
	d := &file{path: path, limit: 100}
	require.NoError(t, d.write([]byte("letter\n")))
	require.NoError(t, d.close())
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// What is acknowledged is on the disk: a file that takes every write but cannot be
// synced, as the null device, is no answer.
func TestWriteFailsWithoutASync(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	require.NoError(t, err)
	d := &file{path: filepath.Join(t.TempDir(), "dead"), limit: 100, open: null}
	require.ErrorContains(t, d.write([]byte("letter\n")), "write dead_letter_file: sync")
}
