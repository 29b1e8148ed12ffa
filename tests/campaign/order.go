package main

import (
	"cmp"
	"slices"

	"fluent-bit-sls/tests/slsfake"
)

// orderWatch follows what sections with ordered on and a hash_key promise: the
// records of a hash bucket are sent one request at a time, in the order in which
// they are flushed. Only the first copy of a record counts, and only chunks that
// one flush has delivered: a chunk that comes back has been overtaken. Of two
// flushes at the same time neither is the earlier, and one that has returned has
// stored its records before the next begins: so the order within each chunk is
// what there is to see.
type orderWatch struct {
	sections map[orderedSection]bool
	open     map[orderedChunk]map[string][]orderedPiece // by hash key
	checked  int                                        // chunks
}

type orderedSection struct{ incarnation, feed int }

type orderedChunk struct{ feed, chunk int }

// orderedPiece is what one write brought of a chunk's hash bucket.
type orderedPiece struct {
	write       int
	first, last uint32 // records
	torn        bool   // their order within the write is wrong
}

func newOrderWatch() *orderWatch {
	return &orderWatch{sections: map[orderedSection]bool{}, open: map[orderedChunk]map[string][]orderedPiece{}}
}

// promises tells that a section has promised an order.
func (k *checker) promises(incarnation, feed int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.order.sections[orderedSection{incarnation, feed}] = true
}

// notePlaceLocked notes where the first copy of a record has come.
func (k *checker) notePlaceLocked(id recordID, write int, incarnation int32, l *slsfake.Log) {
	o := k.order
	if l.HashKey == "" || !o.sections[orderedSection{int(incarnation), int(id.feed)}] {
		return
	}
	c := orderedChunk{int(id.feed), k.feeds[id.feed].chunkOf(id.seq)}
	if o.open[c] == nil {
		o.open[c] = map[string][]orderedPiece{}
	}
	pieces := o.open[c][l.HashKey]
	if n := len(pieces) - 1; n >= 0 && pieces[n].write == write {
		pieces[n].torn = pieces[n].torn || id.seq <= pieces[n].last
		pieces[n].last = max(pieces[n].last, id.seq)
		return
	}
	o.open[c][l.HashKey] = append(pieces, orderedPiece{write: write, first: id.seq, last: id.seq})
}

// checkOrderLocked is called when a chunk has been acknowledged.
func (k *checker) checkOrderLocked(c *chunk) {
	at := orderedChunk{c.feed.number, c.number}
	buckets := k.order.open[at]
	delete(k.order.open, at)
	if len(buckets) == 0 || c.flushes > 1 {
		return
	}
	k.order.checked++
	for hash, pieces := range buckets {
		slices.SortFunc(pieces, func(a, b orderedPiece) int { return cmp.Compare(a.write, b.write) })
		for i, p := range pieces {
			if p.torn || i > 0 && p.first <= pieces[i-1].last {
				k.failures.addf("order: chunk %d of feed %d: record %d of hash bucket %s came in request %d, behind record %d",
					c.number, c.feed.number, p.first, hash, p.write, pieces[max(0, i-1)].last)
				break
			}
		}
	}
}
