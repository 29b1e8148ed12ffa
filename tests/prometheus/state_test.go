package prometheus

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// fillState writes a file of state_path with so many entries that a file of 1M has room for a
// few minutes of one line each: out_sls/internal/journal/frame.go and head.go have its form.
func (w *world) fillState(section string) {
	w.Helper()
	const (
		frame   = 64
		entries = 14_500 // of 16,383
	)
	file := make([]byte, (entries+1)*frame)
	bootID, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	require.NoError(w, err)
	head := file[:frame]
	copy(head[4:], "SLSSTATE")
	binary.LittleEndian.PutUint16(head[12:], 1)
	binary.LittleEndian.PutUint16(head[14:], frame)
	copy(head[16:], strings.TrimSpace(string(bootID)))
	seal(head)
	var ms [8]byte
	binary.LittleEndian.PutUint64(ms[:], uint64(time.Now().UnixMilli()))
	for n := range entries {
		b := file[(n+1)*frame:][:frame]
		b[4], b[5] = 1, 1 // accepted, and nothing of the segment is open
		copy(b[6:12], ms[:])
		binary.LittleEndian.PutUint64(b[12:], uint64(n)<<32) // the chunk
		binary.LittleEndian.PutUint32(b[40:], 1)             // of one segment
		binary.LittleEndian.PutUint32(b[44:], uint32(n+1))   // in a file of that hash
		binary.LittleEndian.PutUint32(b[52:], 1)             // and one log
		seal(b)
	}
	require.NoError(w, os.MkdirAll(filepath.Join(w.dir, "state"), 0o700))
	require.NoError(w, os.WriteFile(filepath.Join(w.dir, "state", section+".state"), file, 0o600))
}

func seal(b []byte) {
	binary.LittleEndian.PutUint32(b, crc32.Checksum(b[4:], crc32.MakeTable(crc32.Castagnoli)))
}
