package producer

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"strings"

	"fluent-bit-sls/out_sls/internal/route"
)

// address is what the log groups of a request have in common: their destination
// and, with pack_id, the sequence that they are numbered in.
type address struct {
	route.Destination
	pack string // "" = not numbered
}

// packs numbers log groups for SLS's context view, which shows the logs around
// one: groups of one prefix are shown in the order of their numbers. A sequence is
// the records of one Fluent Bit tag: those of one file, of one container.
//
// The form is that of SLS's own producers: 16 hex digits, a dash, the number in
// hex, all upper case.
//
// Producer.mu guards it.
type packs struct {
	salt uint64
	next map[string]uint64
}

// packKey is the tag of a log group that carries its number.
const packKey = "__pack_id__"

// maxPacks bounds the sequences that are known; behind it all begin anew, under
// other prefixes.
const maxPacks = 10_000

// prefix names the sequence of a tag.
func (p *packs) prefix(tag string) string {
	if p.next == nil || len(p.next) >= maxPacks {
		var salt [8]byte
		_, _ = rand.Read(salt[:]) // it never fails
		p.salt, p.next = binary.BigEndian.Uint64(salt[:]), map[string]uint64{}
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(tag))
	sum := binary.BigEndian.AppendUint64(nil, h.Sum64()^p.salt)
	return strings.ToUpper(hex.EncodeToString(sum))
}

// id is the next number of a sequence.
func (p *packs) id(prefix string) string {
	n := p.next[prefix]
	p.next[prefix] = n + 1
	return fmt.Sprintf("%s-%X", prefix, n)
}
