package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/zeebo/xxh3"
)

// The first frame of a file:
//
//	head = checksum (4)  magic (8)  version (2)  frame size (2)  boot id (36)  0 (12)
const (
	magic   = "SLSSTATE"
	version = 1
)

// errForeign says that a file is none of this version of this package.
var errForeign = errors.New("it is no state file of this version")

// boot is what tells one start of the machine from another: a power loss can have left
// an older file behind.
type boot [36]byte

// thisBoot is zero where the kernel does not tell.
func thisBoot() (b boot) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err == nil {
		copy(b[:], strings.TrimSpace(string(text)))
	}
	return b
}

// mark is b as a number has it on file, 0 where the kernel does not tell.
func (b boot) mark() uint64 {
	if b == (boot{}) {
		return 0
	}
	return max(xxh3.Hash(b[:]), 1)
}

func appendHead(dst []byte, of boot) []byte {
	var b [frameSize]byte
	copy(b[4:], magic)
	binary.LittleEndian.PutUint16(b[12:], version)
	binary.LittleEndian.PutUint16(b[14:], frameSize)
	copy(b[16:], of[:])
	return append(dst, seal(b[:])...)
}

// readHead reads the first frame of a file.
func readHead(b []byte) (of boot, err error) {
	switch {
	case len(b) < frameSize || string(b[4:4+len(magic)]) != magic:
		return of, errForeign
	case !intact(b[:frameSize]):
		return of, errors.New("its head is damaged")
	}
	v, size := binary.LittleEndian.Uint16(b[12:]), binary.LittleEndian.Uint16(b[14:])
	if v != version || size != frameSize {
		return of, fmt.Errorf("%w: version %d, frames of %d bytes", errForeign, v, size)
	}
	copy(of[:], b[16:])
	return of, nil
}
