package flbhost

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"time"
)

// ChunkName is how the engine names the file of a chunk that process pid makes at that time
// (src/flb_input_chunk.c, generate_chunk_name). The nanoseconds are padded with spaces and
// are no fraction.
func ChunkName(pid int, at time.Time) string {
	return fmt.Sprintf("%d-%d.%4d.flb", pid, at.Unix(), at.Nanosecond())
}

// WriteChunk writes a chunk as a file of the engine's filesystem storage, with the tag as its
// metadata:
//
//	file = c1 00 crc32[4] zero[16] length[2] metadata content
//
// The checksum is that of all behind it, and checked with storage.checksum on only. Unlike
// the engine's the file ends where the content does.
func WriteChunk(dir, name, tag string, content []byte) (path string, err error) {
	file := make([]byte, 24, 24+len(tag)+len(content))
	file[0] = 0xc1
	binary.BigEndian.PutUint16(file[22:], uint16(len(tag)))
	file = append(append(file, tag...), content...)
	binary.BigEndian.PutUint32(file[2:], crc32.ChecksumIEEE(file[22:]))
	path = filepath.Join(dir, name)
	return path, os.WriteFile(path, file, 0o600)
}
