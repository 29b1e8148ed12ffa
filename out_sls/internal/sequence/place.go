package sequence

import (
	"crypto/rand"
	"encoding/hex"

	"github.com/zeebo/xxh3"

	"fluent-bit-sls/out_sls/internal/journal"
)

// Place is where writes go: a logstore or, with hash keys, a bucket of it.
type Place struct {
	Project, Logstore string
	HashKey           string // 32 hex digits, of which the first two say the bucket; "" = none
}

// mark tells places apart on file.
func (p Place) mark() uint32 { return uint32(xxh3.HashString(p.Project + "\x00" + p.Logstore)) }

// slots is how many a place has. SLS remembers 10,000 keys per shard.
const slots = 16

// bucketSize is how many bytes of a key are those of its bucket: more than split any
// logstore into shards.
const bucketSize = 4

// key is a new hash key for a slot of p. It is random below the slot's share of the hash
// space, so that the slots spread over the shards. With hash keys it is random below the
// bucket, and in the shard that the bucket begins in: what has one hash key stays in one
// shard.
func (p Place) key(slot int) (k journal.Key) {
	_, _ = rand.Read(k[:]) // it never fails
	if p.HashKey == "" {
		k[0] = byte(slot)<<4 | k[0]&0x0f
		return k
	}
	bucket, _ := hex.DecodeString(p.HashKey)
	copy(k[:bucketSize], bucket)
	return k
}
