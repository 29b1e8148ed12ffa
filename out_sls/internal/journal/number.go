package journal

import (
	"encoding/hex"
	"errors"
	"time"
)

// Key is the hash key of a write. Sequence numbers are counted under one.
type Key [16]byte

func (k Key) String() string { return hex.EncodeToString(k[:]) }

// Number is the sequence number of a write and what it carries: a run of logs of one
// segment. It never carries anything else.
type Number struct {
	Key     Key
	Number  uint64 // from 1
	Place   uint32 // a hash of the logstore, which the key is of no use outside of
	Segment int
	Span    Span
	Rewrite Rewrite
}

// Rewrite says which logs of a write have another time than their own. It decides that by
// their own times and positions, so that the write can be made again.
type Rewrite struct {
	// At is the time, in Unix ns, that is given to the logs which SLS does not take at that
	// time; 0 = none.
	At  int64
	All bool // it is given to all logs
}

// errNotHeld says that nothing can be put on file.
var errNotHeld = errors.New("the file in state_path is not this section's, or cannot be used")

// Ready is nil if the file is this instance's. It tries to make it so once a second.
func (j *Journal) Ready() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ownLocked()
	if j.store.file == nil {
		return errNotHeld
	}
	return nil
}

// Send puts on file that logs of c go out under n. Nothing may be sent when it fails. Of
// a chunk that dies with the process nothing is put on file: its numbers die with it.
func (j *Journal) Send(c *Chunk, n Number) error {
	j.locate(c)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.store.file == nil {
		return errNotHeld
	}
	if !c.lastsLocked() {
		return nil
	}
	now := time.Now()
	frames := []frame{
		{kind: kindNumber, at: now, key: n.Key, boot: j.boot, number: n.Number, rewrite: n.Rewrite, place: n.Place},
		{
			kind: kindSent, at: now, id: c.id, fingerprint: j.cfg.Fingerprint, origin: c.from.hash,
			segment: uint32(n.Segment), total: uint32(c.segments), spans: [spansPerFrame]Span{n.Span},
		},
	}
	room, err := j.roomLocked(len(frames))
	if err == nil && room < len(frames) {
		err = errors.New("the file has no room for a number")
	}
	if err != nil {
		return err
	}
	return j.appendLocked(frames)
}

// Refuse puts on file that n is over: what it carried was not accepted, or whether it was
// is of no interest any more. When it fails the key must not be used again.
func (j *Journal) Refuse(n Number) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.refuseLocked(n.Key, n.Number)
}

func (j *Journal) refuseLocked(key Key, number uint64) error {
	if _, ok := j.index.open[key]; !ok || j.store.file == nil {
		return nil
	}
	_, err := j.roomLocked(1)
	if err == nil {
		err = j.appendLocked([]frame{{kind: kindRefused, at: time.Now(), key: key, number: number}})
	}
	if err != nil {
		// After a kill it would pass for one whose answer was lost.
		j.discardLocked()
	}
	return err
}

// Sent are the numbers under which an earlier instance has sent logs of a segment, and has
// put no answer on file.
func (c *Chunk) Sent(segment int) []Number {
	if c == nil {
		return nil
	}
	return c.sent[segment]
}

// Identity tells a chunk that lies in a file from any other. Of those in memory equal ones
// have the same.
type Identity struct {
	id   ID
	from Origin
}

// Identity is that of c, which a flush has, or has given back.
func (c *Chunk) Identity() Identity {
	j := c.journal
	j.locate(c)
	j.mu.Lock()
	defer j.mu.Unlock()
	return Identity{c.id, c.from}
}

// Claim takes a number of an earlier instance, for the segment that has come back. It is
// false if it is not there any more.
func (j *Journal) Claim(n Number) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	o, ok := j.index.open[n.Key]
	if !ok || !o.earlier || o.number != n.Number {
		return false
	}
	o.earlier = false
	j.index.open[n.Key] = o
	return true
}

// Waiting is how many numbers of earlier instances wait for their segments.
func (j *Journal) Waiting() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.index.waiting()
}

// Evict gives up the oldest number of earlier instances. It is false if there is none.
func (j *Journal) Evict() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	key, o, ok := j.index.oldest()
	if ok {
		j.index.forgotten++
		_ = j.refuseLocked(key, o.number) // or the file is gone
	}
	return ok
}

// numbers are those on file that have no clear answer.
type numbers struct {
	next frame // a number, if it was the last frame
	open map[Key]openNumber
	runs map[run]Key // what they carry
	// forgotten counts those that are not to be trusted.
	forgotten uint64
}

type openNumber struct {
	frame   uint32 // where what it carries is; the number is in the one before
	number  uint64
	boot    uint64
	of      run
	earlier bool // of an earlier instance, and its segment has not come back
}

// run is a run of logs of one segment.
type run struct {
	half, fingerprint uint64
	origin, segment   uint32
	span              Span
}

func newNumbers() numbers { return numbers{open: map[Key]openNumber{}, runs: map[run]Key{}} }

func runOf(f frame) run { return run{f.id.half(), f.fingerprint, f.origin, f.segment, f.spans[0]} }

// sent takes note of a number and of what it carries. An older one under its key is over,
// or this one would not have gone out.
func (x *index) sent(at uint32, number, f frame) {
	x.close(number.key)
	of := runOf(f)
	x.open[number.key] = openNumber{frame: at, number: number.number, boot: number.boot, of: of}
	x.runs[of] = number.key
}

// accepted ends the number that carried just that.
func (x *index) accepted(f frame) {
	if f.spans[1].Logs == 0 {
		if key, ok := x.runs[runOf(f)]; ok {
			x.close(key)
		}
	}
}

func (x *index) refused(f frame) {
	if o, ok := x.open[f.key]; ok && o.number <= f.number {
		x.close(f.key)
	}
}

// doubt ends all numbers: of each it may be on file that it is over, where a frame cannot
// be read.
func (x *index) doubt() {
	for key := range x.open {
		x.drop(key)
	}
}

// drop ends a number of which it is not known whether what it carried was accepted.
func (x *index) drop(key Key) {
	x.forgotten++
	x.close(key)
}

func (x *index) close(key Key) {
	o, ok := x.open[key]
	if !ok {
		return
	}
	x.live.set(o.frame, false)
	delete(x.open, key)
	if x.runs[o.of] == key {
		delete(x.runs, o.of)
	}
}

// inherit makes the numbers on file those of an earlier instance, if it was of this start
// of the machine: a power loss may have left an older file, and then a number that is open
// there is long over. The latest of them are kept.
func (x *index) inherit(boot uint64) {
	for key, o := range x.open {
		if o.earlier = true; o.boot != boot || boot == 0 {
			x.drop(key)
			continue
		}
		x.open[key] = o
	}
	for len(x.open) > MaxNumbers {
		key, _, _ := x.oldest()
		x.drop(key)
	}
}

// MaxNumbers is how many numbers without a clear answer wait for their segments.
const MaxNumbers = 4096

func (x *index) waiting() (n int) {
	for _, o := range x.open {
		if o.earlier {
			n++
		}
	}
	return n
}

// oldest is the oldest number of earlier instances.
func (x *index) oldest() (oldest Key, of openNumber, found bool) {
	for key, o := range x.open {
		if o.earlier && (!found || o.frame < of.frame) {
			oldest, of, found = key, o, true
		}
	}
	return oldest, of, found
}

// numbersBySegment are the numbers that frames have under one fingerprint.
func numbersBySegment(frames []frame, fingerprint uint64) map[int][]Number {
	var all map[int][]Number
	for _, f := range frames {
		if f.kind != kindSent || f.fingerprint != fingerprint {
			continue
		}
		if all == nil {
			all = map[int][]Number{}
		}
		all[int(f.segment)] = append(all[int(f.segment)], Number{
			Key: f.key, Number: f.number, Place: f.place, Segment: int(f.segment), Span: f.spans[0], Rewrite: f.rewrite,
		})
	}
	return all
}
