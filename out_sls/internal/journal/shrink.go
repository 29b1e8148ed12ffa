package journal

import (
	"errors"
	"os"
	"time"
)

// What a full file keeps when it is replaced, as parts of its frames. Statements about
// chunks that are not finished have room of their own: theirs are sure to return. Numbers
// without an answer are all kept, and the parts are of what they leave. A quarter of that
// is free then at least.
const (
	finishedPart   = 2
	unfinishedPart = 4
)

// youngAge is below which a statement is counted that had to go: the engine hands a
// chunk back after 2,000 s at most by default.
const youngAge = time.Hour

// readAtOnce is how many frames are read in one call.
const readAtOnce = 1024

// shrinkAgain is when a full file that could not be replaced is tried again.
const shrinkAgain = time.Second

// shrinkLocked replaces the file by a second one that has room again.
func (j *Journal) shrinkLocked() error {
	if time.Now().Before(j.shrinkAt) {
		return errors.New("the file is full, and could not be replaced just now")
	}
	err := j.replaceLocked()
	if err != nil {
		j.shrinkAt = time.Now().Add(shrinkAgain)
	}
	return err
}

func (j *Journal) replaceLocked() error {
	keep, young, err := j.chooseLocked()
	if err != nil {
		return err
	}
	f, err := j.store.second()
	if err != nil {
		return err
	}
	x, err := j.copyLocked(f, keep)
	if err == nil {
		err = j.store.replace(f)
	}
	if err != nil {
		return errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	j.index = x
	j.young += young
	return nil
}

// chooseLocked chooses the frames to be kept: the latest of both kinds, and the numbers
// without an answer.
func (j *Journal) chooseLocked() (keep bitset, young uint64, err error) {
	room := j.capacity - framesPerNumber*len(j.index.open)
	finished, unfinished := room/finishedPart, room/unfinishedPart
	now := time.Now()
	for n, f := range j.store.backwards(&err, uint32(len(j.index.prev))) {
		if !j.index.live.has(n) {
			continue
		}
		if f.kind == kindSent {
			keep.set(n-1, true)
			keep.set(n, true)
		}
		if f.kind != kindAccepted {
			continue
		}
		p := j.index.chunks[f.id.half()]
		room := &unfinished
		if p.finished() {
			room = &finished
		}
		if *room > 0 {
			*room--
			keep.set(n, true)
		} else if now.Sub(f.at) < youngAge {
			young++
		}
	}
	return keep, young, err
}

// copyLocked writes the frames of keep to f, and returns where everything is then.
func (j *Journal) copyLocked(f *os.File, keep bitset) (index, error) {
	x := newIndex(j.capacity)
	x.forgotten = j.index.forgotten
	out := appendHead(make([]byte, 0, (readAtOnce+1)*frameSize), thisBoot())
	at := int64(0)
	flush := func() error {
		_, err := j.store.writeAt(f, out, at)
		at += int64(len(out))
		out = out[:0]
		return err
	}
	var err error
	for n, fr := range j.store.forwards(&err, uint32(len(j.index.prev))) {
		if !keep.has(n) {
			continue
		}
		out = fr.append(out)
		x.add(fr)
		if len(out) >= readAtOnce*frameSize {
			if err := flush(); err != nil {
				return x, err
			}
		}
	}
	if err != nil {
		return x, err
	}
	for key, o := range x.open {
		o.earlier = j.index.open[key].earlier
		x.open[key] = o
	}
	return x, flush()
}
