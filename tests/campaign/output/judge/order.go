package judge

import (
	"cmp"
	"slices"

	"fluent-bit-sls/tests/campaign/output/record"
	"fluent-bit-sls/tests/campaign/output/store"
	"fluent-bit-sls/tests/slsfake"
)

// orderWatch checks what sections with ordered on and a hash_key promise: the records of a
// hash bucket are sent one request at a time, in the order in which they are flushed. It looks
// at the order within each chunk, as flushes at the same time have none. Only the first copy
// of a record counts, and only chunks that one flush has delivered: a chunk that comes back
// has been overtaken.
type orderWatch struct {
	sections map[orderedSection]bool
	open     map[orderedChunk]map[string][]orderedPiece // by hash key
	Checked  int                                        // chunks
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

// Promises tells that a section has promised an order.
func (k *Judge) Promises(incarnation, feed int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.Order.sections[orderedSection{incarnation, feed}] = true
}

// notePlaceLocked notes where the first copy of a record has come.
func (k *Judge) notePlaceLocked(id record.ID, write int, incarnation int32, l *slsfake.Log) {
	o := k.Order
	if l.HashKey == "" || !o.sections[orderedSection{int(incarnation), int(id.Feed)}] {
		return
	}
	c := orderedChunk{int(id.Feed), k.feeds[id.Feed].chunkOf(id.Seq)}
	if o.open[c] == nil {
		o.open[c] = map[string][]orderedPiece{}
	}
	pieces := o.open[c][l.HashKey]
	if n := len(pieces) - 1; n >= 0 && pieces[n].write == write {
		pieces[n].torn = pieces[n].torn || id.Seq <= pieces[n].last
		pieces[n].last = max(pieces[n].last, id.Seq)
		return
	}
	o.open[c][l.HashKey] = append(pieces, orderedPiece{write: write, first: id.Seq, last: id.Seq})
}

// checkOrderLocked is called when a chunk has been acknowledged.
func (k *Judge) checkOrderLocked(c *store.Chunk) {
	at := orderedChunk{c.Feed.Number, c.Number}
	buckets := k.Order.open[at]
	delete(k.Order.open, at)
	if len(buckets) == 0 || c.Flushes > 1 {
		return
	}
	k.Order.Checked++
	for hash, pieces := range buckets {
		slices.SortFunc(pieces, func(a, b orderedPiece) int { return cmp.Compare(a.write, b.write) })
		for i, p := range pieces {
			if p.torn || i > 0 && p.first <= pieces[i-1].last {
				k.failures.Addf("order: chunk %d of feed %d: record %d of hash bucket %s came in request %d, behind record %d",
					c.Number, c.Feed.Number, p.first, hash, p.write, pieces[max(0, i-1)].last)
				break
			}
		}
	}
}
