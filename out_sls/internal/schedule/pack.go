package schedule

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
)

// packs numbers log groups for SLS's context view, which shows the logs around one: groups
// of one sequence are shown in the order of their numbers. A sequence is the records of one
// Fluent Bit tag: those of one file, of one container.
//
// The form is that of SLS's own producers: 16 hex digits, a dash, the number in hex, all
// upper case.
type packs struct {
	mu      sync.Mutex // guards what follows; no lock is taken under it
	salt    uint64
	numbers map[string]uint64 // the next one, by sequence
}

// maxSequences bounds the sequences that are known; behind it all begin anew, under other
// names.
const maxSequences = 10_000

// sequence names the sequence of a tag.
func (p *packs) sequence(tag string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.numbers == nil || len(p.numbers) >= maxSequences {
		var salt [8]byte
		_, _ = rand.Read(salt[:]) // it never fails
		p.salt, p.numbers = binary.BigEndian.Uint64(salt[:]), map[string]uint64{}
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(tag))
	sum := binary.BigEndian.AppendUint64(nil, h.Sum64()^p.salt)
	return strings.ToUpper(hex.EncodeToString(sum))
}

// next is the next number of a sequence.
func (p *packs) next(sequence string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.numbers[sequence]
	p.numbers[sequence] = n + 1
	return fmt.Sprintf("%s-%X", sequence, n)
}
