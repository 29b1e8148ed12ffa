package journal

import "github.com/zeebo/xxh3"

// ID is the identity of a chunk: a 128-bit hash of its tag and bytes, the same in every
// process. The engine gives a chunk no other that outlives it.
type ID [16]byte

// Identify needs no synchronisation.
func Identify(tag string, chunk []byte) ID {
	return xxh3.Hash128Seed(chunk, xxh3.HashString(tag)).Bytes()
}
