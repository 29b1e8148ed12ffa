package producer

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// letters reads a dead-letter file.
func letters(t *testing.T, file string) (lines []map[string]any) {
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	for line := range strings.Lines(string(content)) {
		var l map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &l), line)
		lines = append(lines, l)
	}
	return lines
}

func TestDeadLetterHoldsTheWholeOriginalEvent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dead")
	run(t, "batch_count=10 dead_letter_file="+file, func(t *testing.T, b *bench) {
		big := event(33, 1<<20+1)
		c := append(append(chunk(0, 33, 10), big...), chunk(34, 70, 10)...)
		require.Equal(t, OK, b.flush(c), "stored or kept: nothing is lost")
		require.Len(t, b.stored(), 69)
		got := letters(t, file)
		require.Len(t, got, 1)
		l := got[0]
		require.Equal(t, "PostBodyTooLarge", l["reason"])
		require.Equal(t, "tag", l["tag"])
		require.Equal(t, "pro", l["project"])
		require.Equal(t, "logs", l["logstore"])
		require.Equal(t, "topic", l["topic"])
		require.Equal(t, "source", l["source"])
		require.Equal(t, "2023-11-14T22:13:20.000000033Z", l["event_time"])
		require.Equal(t, "2000-01-01T00:00:00Z", l["time"])
		require.EqualValues(t, len(chunk(0, 33, 10)), l["offset"])
		require.Equal(t, "33", l["record"].(map[string]any)["n"])
		require.Len(t, l["record"].(map[string]any)["pad"], 1<<20+1)
		original, err := base64.StdEncoding.DecodeString(l["msgpack"].(string))
		require.NoError(t, err)
		require.True(t, bytes.Equal(big, original))
		require.EqualValues(t, 1, b.Stats().DeadLetters)
		require.Zero(t, b.Stats().Dropped)
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "whole records are nobody else's to read")
	})
}

func TestDeadLetterHoldsWhatCannotBeRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dead")
	run(t, "dead_letter_file="+file, func(t *testing.T, b *bench) {
		rest := []byte{0x92, 0xc1, 0x01}
		c := append(append(append(chunk(0, 5, 10), 0x07), chunk(5, 10, 10)...), rest...)
		require.Equal(t, OK, b.flush(c))
		b.requireOnce(0, 10)
		got := letters(t, file)
		require.Len(t, got, 2)
		require.Equal(t, "NotAnEvent", got[0]["reason"])
		require.Equal(t, base64.StdEncoding.EncodeToString([]byte{0x07}), got[0]["msgpack"])
		require.Equal(t, "Corrupt", got[1]["reason"])
		require.Equal(t, base64.StdEncoding.EncodeToString(rest), got[1]["msgpack"])
	})
}

// A chunk that comes back is buried once, when everything else is delivered.
func TestDeadLetterIsWrittenWithTheAnswer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dead")
	run(t, "batch_count=10 dead_letter_file="+file, func(t *testing.T, b *bench) {
		remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if c.N > 10 {
				c.Fail(401, "Unauthorized", "")
			}
		})
		c := append(append(chunk(0, 33, 10), event(33, 1<<20+1)...), chunk(34, 300, 10)...)
		require.Equal(t, Retry, b.flush(c))
		require.NoFileExists(t, file)
		remove()
		require.Equal(t, OK, b.flush(c))
		require.Len(t, b.stored(), 299)
		require.Len(t, letters(t, file), 1)
	})
}

func TestDeadLetterThatCannotBeWrittenIsNoAnswer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	run(t, "dead_letter_file="+filepath.Join(dir, "dead"), func(t *testing.T, b *bench) {
		c := append(chunk(0, 5, 10), 0xc1)
		require.Equal(t, Retry, b.flush(c))
		require.Contains(t, b.log.String(), "dead_letter_file")
		require.NoError(t, os.Mkdir(dir, 0o700))
		require.Equal(t, OK, b.flush(c))
		b.requireOnce(0, 5) // what was delivered is remembered
	})
}

// dead_letter_size is the size at which the file is rotated.
func TestDeadLetterSize(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dead")
	run(t, "dead_letter_size=64k dead_letter_file="+file, func(t *testing.T, b *bench) {
		for i := range 10 {
			require.Equal(t, OK, b.flush(append(chunk(i, i+1, 10), bytes.Repeat([]byte{0xc1}, 10_000)...)))
		}
		kept := 0
		for _, name := range []string{file, file + ".1", file + ".2"} {
			info, err := os.Stat(name)
			require.NoError(t, err)
			require.LessOrEqual(t, info.Size(), int64(64<<10))
			kept += len(letters(t, name))
		}
		require.Equal(t, 10, kept)
		require.NoFileExists(t, file+".3")
	})
}

// A line that a crash or a full disk has cut off spoils no line behind it.
func TestDeadLetterBehindALineCutOff(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dead")
	require.NoError(t, os.WriteFile(file, []byte(`{"time":"20`), 0o600))
	run(t, "dead_letter_file="+file, func(t *testing.T, b *bench) {
		require.Equal(t, OK, b.flush(append(chunk(0, 5, 10), 0xc1)))
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		cut, rest, _ := strings.Cut(string(content), "\n")
		require.Equal(t, `{"time":"20`, cut)
		require.True(t, json.Valid([]byte(rest)), rest)
	})
}

// Whoever can write to the directory can put something else in the file's place.
func TestDeadLettersGoToARegularFileOnly(t *testing.T) {
	for name, put := range map[string]func(file, other string) error{
		"symbolic link": func(file, other string) error { return os.Symlink(other, file) },
		"hard link":     func(file, other string) error { return os.Link(other, file) },
		"pipe":          func(file, _ string) error { return syscall.Mkfifo(file, 0o600) },
		"directory":     func(file, _ string) error { return os.Mkdir(file, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file, other := filepath.Join(dir, "dead"), filepath.Join(dir, "other")
			require.NoError(t, os.WriteFile(other, []byte("mine\n"), 0o600))
			require.NoError(t, put(file, other))
			run(t, "dead_letter_file="+file, func(t *testing.T, b *bench) {
				c := append(chunk(0, 5, 10), event(5, 1<<20+1)...) // more than a pipe holds
				require.Equal(t, Retry, b.flush(c), "nothing is lost")
				require.Contains(t, b.log.String(), "dead_letter_file: ")
				require.NoError(t, os.Remove(file))
				require.Equal(t, OK, b.flush(c))
				require.Len(t, letters(t, file), 1)
			})
			content, err := os.ReadFile(other)
			require.NoError(t, err)
			require.Equal(t, "mine\n", string(content))
		})
	}
}
