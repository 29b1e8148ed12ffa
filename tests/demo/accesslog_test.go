package demo_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/demo"
)

func accessLog(t *testing.T, lines int, seed uint64) string {
	t.Helper()
	var b bytes.Buffer
	n, err := demo.WriteAccessLog(&b, lines, seed)
	require.NoError(t, err)
	require.EqualValues(t, b.Len(), n)
	return b.String()
}

func TestAccessLogIsDeterministic(t *testing.T) {
	first := accessLog(t, 5000, 7)
	require.Equal(t, first, accessLog(t, 5000, 7))
	require.NotEqual(t, first, accessLog(t, 5000, 8))
	require.True(t, strings.HasPrefix(first, accessLog(t, 100, 7)), "a shorter log is the beginning of a longer one")

	// The bytes of seed 7, on any machine and with any Go release.
	sum := sha256.Sum256([]byte(first))
	require.Equal(t, "fdeaaa7686faffeccf441ffb1b08f9c58f1c1c4971b2c5fb77232a70c8f9d767", hex.EncodeToString(sum[:]))
}

func TestAccessLogLines(t *testing.T) {
	const count = 20_000
	form := regexp.MustCompile(`^203\.0\.\d+\.\d+ - - \[\d\d/Mar/2026:\d\d:\d\d:\d\d \+0000\] ` +
		`"[A-Z]+ /api/v1/\S+ HTTP/2\.0" \d{3} \d+ "[^"]+" "[^"]+" ` +
		`rt=\d+\.\d{3} uct=0\.\d{3} urt=\d+\.\d{3} upstream=10\.42\.\d+\.\d+:8080 ` +
		`city="[^"]+" req_id=[0-9a-f]{32} seq=(\d+)$`)
	text := accessLog(t, count, 1)
	require.True(t, utf8.ValidString(text))
	require.Greater(t, utf8.RuneCountInString(text), count)
	require.Less(t, utf8.RuneCountInString(text), len(text), "some of it is not ASCII")

	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	require.Len(t, lines, count)
	for i, line := range lines {
		m := form.FindStringSubmatch(line)
		require.NotNil(t, m, "line %q", line)
		require.Equal(t, strconv.Itoa(i+1), m[1], "the sequence number makes every line unique")
		require.GreaterOrEqual(t, len(line), 200)
		require.LessOrEqual(t, len(line), 400)
	}
	require.InDelta(t, 300, float64(len(text))/count, 15, "mean bytes a line")
}

func TestAccessLogEmpty(t *testing.T) {
	require.Empty(t, accessLog(t, 0, 1))
	require.Empty(t, accessLog(t, -1, 1))
}

// fullDisk takes room bytes and fails from then on.
type fullDisk struct{ room int }

var errFull = errors.New("no space left")

func (d *fullDisk) Write(p []byte) (int, error) {
	n := min(len(p), d.room)
	d.room -= n
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func TestAccessLogReportsWriteError(t *testing.T) {
	n, err := demo.WriteAccessLog(&fullDisk{room: 100_000}, 5000, 1)
	require.ErrorIs(t, err, errFull)
	require.EqualValues(t, 100_000, n)
}

func BenchmarkWriteAccessLog(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		n, err := demo.WriteAccessLog(io.Discard, 100_000, 1)
		require.NoError(b, err)
		b.SetBytes(n)
	}
}
