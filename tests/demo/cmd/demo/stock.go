package main

import (
	"encoding/binary"
	"hash/maphash"
	"iter"
	"time"

	"fluent-bit-sls/tests/slsfake"
)

// stock is what SLS holds, shard by shard, held against the file and then
// against what comes back.
type stock struct {
	sent   *tally
	places map[uint64]*place // by line and time
	shards map[int]*shelf

	missing, extra int // lines of the file not stored, and stored more often
	strange        int // stored logs that are not one line under the key log
	altered        int // read back, but in no such line of the file
	retimed        int // a line of the file with another time than is stored
	doubled        int // read back more often than stored
}

// place is where a log lies. Logs of equal line and time share one.
type place struct {
	shard, number int // number counts the logs of the shard
	copies, seen  int
}

// shelf is one shard.
type shelf struct{ stored, read, last, disordered int }

func newStock(sent *tally, logs iter.Seq[slsfake.Log]) *stock {
	s := &stock{sent: sent, places: make(map[uint64]*place, sent.lines), shards: map[int]*shelf{}}
	held := newTally()
	for l := range logs {
		if len(l.Contents) != 1 || l.Contents[0].Key != "log" {
			s.strange++
			continue
		}
		line := l.Contents[0].Value
		held.add(line)
		sh := s.shards[l.Shard]
		if sh == nil {
			sh = &shelf{}
			s.shards[l.Shard] = sh
		}
		sh.stored++
		at := int64(l.Time) * 1e9
		if l.TimeNs != nil {
			at += int64(*l.TimeNs)
		}
		k := key(line, at)
		if p := s.places[k]; p != nil {
			p.copies++
			continue
		}
		s.places[k] = &place{shard: l.Shard, number: sh.stored, copies: 1}
	}
	s.missing, s.extra = sent.compare(held)
	return s
}

// key tells a log from others by its line and time.
func key(line string, nanos int64) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(nanos))
	_, _ = h.Write(b[:]) // never fails
	_, _ = h.WriteString(line)
	return h.Sum64()
}

// read takes one line that came back.
func (s *stock) read(line string, at time.Time) {
	p := s.places[key(line, at.UnixNano())]
	if p == nil {
		if s.sent.has(line) {
			s.retimed++
		} else {
			s.altered++
		}
		return
	}
	p.seen++
	if p.seen > p.copies {
		s.doubled++
		return
	}
	sh := s.shards[p.shard]
	sh.read++
	if p.copies > 1 {
		return // which of them it is cannot be told
	}
	if p.number < sh.last {
		sh.disordered++
	}
	sh.last = max(sh.last, p.number)
}

// sum adds up the shards.
func (s *stock) sum() (total shelf) {
	for _, sh := range s.shards {
		total.stored += sh.stored
		total.read += sh.read
		total.disordered += sh.disordered
	}
	return total
}
