package loggroup

import (
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite testdata")

// The bytes themselves are a promise: a chunk that Fluent Bit hands over again
// must give the same Logs after an upgrade of the plugin as before.
func TestGolden(t *testing.T) {
	var r Reader
	group, err := readAll(&r, nil, mixedChunk(t), EncodeOptions{GroupAttributes: true})
	require.NoError(t, err)
	group = AppendGroupFields(group, "access", "10.0.0.1", []Tag{{"host", "web-1"}})
	golden(t, "mixed.loggroup.hex", group)

	d := Decoder{IncludeMeta: true}
	events, _, err := d.AppendEvents(nil, group)
	require.NoError(t, err)
	golden(t, "mixed.events.hex", events)
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	dump := []byte(hex.Dump(got))
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, dump, 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update")
	require.Equal(t, string(want), string(dump))
}
