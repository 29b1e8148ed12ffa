package producer

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/out_sls/internal/report"
	"fluent-bit-sls/tests/slsfake"
)

// What somebody who can write a line into a log can put into a chunk, all the way
// to the emulator: it is stored, or in the dead-letter file with its reason.

// at is an event with that timestamp and record in msgpack.
func at(timestamp, record []byte) []byte {
	return append(append(append([]byte{0x92, 0x92}, timestamp...), 0x80), record...)
}

// groupStart is the marker of a group with those attributes.
func groupStart(attributes []byte) []byte {
	metadata := record(str("schema"), str("otlp"))
	return append(append(append([]byte{0x92, 0x92}, eventTime(math.MaxUint32, 0)...), metadata...), attributes...)
}

func eventTime(sec, nsec uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte{0xd7, 0}, sec), nsec)
}

func float(f float64) []byte {
	return binary.BigEndian.AppendUint64([]byte{0xcb}, math.Float64bits(f))
}

// str is a string however long, and whatever its bytes.
func str(s string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0xdb}, uint32(len(s))), s...)
}

// record is a map of those keys and values.
func record(pairs ...[]byte) []byte {
	head := binary.BigEndian.AppendUint32([]byte{0xdf}, uint32(len(pairs)/2))
	return append(head, bytes.Join(pairs, nil)...)
}

// manyKeys is a record of n different keys of equal value.
func manyKeys(n int) []byte {
	pairs := make([][]byte, 0, 2*n)
	for i := range n {
		pairs = append(pairs, str("k"+strings.Repeat("x", i%7)+string(rune('a'+i%26))), []byte{0xcd, byte(i >> 8), byte(i)})
	}
	return record(pairs...)
}

func nested(levels int, open, inner, closing []byte) []byte {
	return bytes.Join([][]byte{bytes.Repeat(open, levels), inner, bytes.Repeat(closing, levels)}, nil)
}

// hostile is one chunk, with what becomes of it.
type hostile struct {
	chunk   []byte
	stored  int      // records in SLS
	letters []string // reasons in the dead-letter file
}

func hostileChunks() map[string]hostile {
	now := eventTime(946684800, 1) // when the emulator's clock starts
	one := func(r []byte) []byte { return at(now, r) }
	timed := func(timestamp []byte) hostile {
		return hostile{chunk: at(timestamp, record(str("k"), str("v"))), stored: 1}
	}
	good := one(record(str("k"), str("v")))
	return map[string]hostile{
		"no pairs":              {chunk: one([]byte{0x80}), stored: 1},
		"empty key":             {chunk: one(record(str(""), str(""), str(""), str("x"))), stored: 1},
		"100k levels of arrays": {chunk: one(record(str("k"), nested(100_000, []byte{0x91}, []byte{1}, nil))), stored: 1},
		"100k levels of maps":   {chunk: one(record(str("k"), nested(100_000, []byte{0x81, 0xa1, 'k'}, []byte{1}, nil))), stored: 1},
		"maps as keys":          {chunk: one(record(nested(100_000, []byte{0x81}, []byte{1}, []byte{2}), str("v"))), stored: 1},
		"1000 levels in metadata": {
			chunk:  append(append([]byte{0x92, 0x92}, append(now, record(str("m"), nested(1000, []byte{0x91}, []byte{0xc0}, nil))...)...), 0x80),
			stored: 1,
		},
		"100k keys":              {chunk: one(manyKeys(100_000)), letters: []string{"PostBodyTooLarge"}},
		"20k keys":               {chunk: one(manyKeys(20_000)), stored: 1},
		"the same key 10k times": {chunk: one(record(bytes2(10_000, str("k"), str("v"))...)), stored: 1},
		"NUL":                    {chunk: one(record(str("a\x00b"), str("\x00"), str("\x00"), nested(2, []byte{0x91}, str("x\x00y"), nil))), stored: 1},
		"no UTF-8":               {chunk: one(record(str("\xff\xfe"), str("a\xc0\x80b\xed\xa0\x80"), str("k"), append([]byte{0xc4, 2}, 0xff, 0xff))), stored: 1},
		"a key of 512 KiB":       {chunk: one(record(str(strings.Repeat("k", 512<<10)), str("v"))), stored: 1},
		"a value of 2 MiB":       {chunk: append(one(record(str("k"), str(strings.Repeat("v", 2<<20)))), good...), stored: 1, letters: []string{"PostBodyTooLarge"}},
		"a value that grows six times": {
			chunk:  append(one(record(str("k"), nested(1, []byte{0x91}, str(strings.Repeat("\x01", 512<<10)), nil))), good...),
			stored: 1, letters: []string{"PostBodyTooLarge"},
		},
		"50k tiny events":          {chunk: bytes.Repeat([]byte{0x92, 7, 0x80}, 50_000), stored: 50_000},
		"100k group markers":       {chunk: append(bytes.Repeat(groupStart(record(str("g"), str("v"))), 100_000), good...), stored: 1},
		"100 MB announced":         {chunk: append(bytes.Clone(good), one([]byte{0x81, 0xa1, 'k', 0xdb, 0x06, 0x40, 0, 0, 'x'})...), stored: 1, letters: []string{report.ReasonCorrupt}},
		"2^32-1 pairs announced":   {chunk: append(bytes.Clone(good), one([]byte{0xdf, 0xff, 0xff, 0xff, 0xff, 1})...), stored: 1, letters: []string{report.ReasonCorrupt}},
		"2^32-1 elements, events":  {chunk: []byte{0xdd, 0xff, 0xff, 0xff, 0xff}, letters: []string{report.ReasonCorrupt}},
		"values that are no event": {chunk: append([]byte{1, 0xc0, 0x90, 0x80}, good...), stored: 1, letters: []string{report.ReasonNotAnEvent}},
		"cut off":                  {chunk: append(bytes.Clone(good), good[:len(good)-1]...), stored: 1, letters: []string{report.ReasonCorrupt}},
		"the year 1970":            timed(eventTime(0, 0)),
		"2106, the last second":    timed(eventTime(math.MaxUint32-2, 0xffffffff)),
		"a negative time":          timed([]byte{0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0}),
		"a time of milliseconds":   timed([]byte{0xcf, 0, 0, 1, 0x8b, 0xcf, 0xe5, 0x68, 0}),
		"the largest time":         timed([]byte{0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}),
		"a float for a time":       timed(float(946684800.999999999)),
		"NaN for a time":           timed(float(math.NaN())),
		"infinity for a time":      timed(float(math.Inf(1))),
		"minus infinity":           timed(float(math.Inf(-1))),
		"-0.5 for a time":          timed(float(-0.5)),
		"1e300 for a time":         timed(float(1e300)),
		"2^32-1: a group's start?": {chunk: append(at(eventTime(math.MaxUint32, 0), record(str("k"), str("v"))), good...), stored: 2},
		"2^32-2: a group's end?":   {chunk: append(at(eventTime(math.MaxUint32-1, 0), record(str("k"), str("v"))), good...), stored: 2},
		"2^32-1 and nanoseconds":   {chunk: append(at(eventTime(math.MaxUint32, 7), record(str("k"), str("v"))), good...), stored: 2},
		"names of metadata":        {chunk: one(record(str("__topic__"), str("x"), str("__tag__:a"), str("x"), str("__time__"), str("7"))), stored: 1},
		"a time of another type":   {chunk: at([]byte{0xa1, 'x'}, record(str("k"), str("v"))), letters: []string{report.ReasonNotAnEvent}},
	}
}

func bytes2(n int, key, value []byte) (pairs [][]byte) {
	for range n {
		pairs = append(pairs, key, value)
	}
	return pairs
}

// hostileOptions are sections that do something with what is in a record.
var hostileOptions = map[string]string{
	"default":   "",
	"templates": "logstore=$k|logs allow_destinations=logs topic=$k source=$k tags=k=$k hash_key=$k hash_buckets=1",
	"flatten":   "nested=flatten metadata=on restore_meta=record tag_key=tag time_key=time exclude_keys=$k['x']",
	"log key":   "log_key=k include_keys=k",
}

func TestHostileRecords(t *testing.T) {
	for section, set := range hostileOptions {
		for name, h := range hostileChunks() {
			t.Run(section+"/"+name, func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "dead")
				emulator := slsfake.Config{MaxLogSize: 1 << 20, CheckLogTime: true}
				runWith(t, emulator, "dead_letter_file="+file+" "+set, func(t *testing.T, b *bench) {
					require.Equal(t, OK, b.flush(h.chunk), b.log)
					logs := b.sls.Logs("pro", "logs")
					for _, l := range logs {
						for _, c := range l.Contents {
							require.True(t, utf8.ValidString(c.Key) && utf8.ValidString(c.Value))
						}
						require.WithinDuration(t, time.Now(), time.Unix(int64(l.Time), 0), 7*24*time.Hour)
					}
					reasons := buriedIn(t, file, h.chunk)
					require.Equal(t, h.stored+len(h.letters), len(logs)+len(reasons))
					if section == "default" { // the others may make a log small enough
						require.Equal(t, h.letters, reasons)
					}
					require.Subset(t, h.letters, reasons)
				})
			})
		}
	}
}

// buriedIn is the reasons in a dead-letter file, of records that are in chunk.
func buriedIn(t *testing.T, file string, chunk []byte) (reasons []string) {
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, l := range letters(t, file) {
		reasons = append(reasons, l["reason"].(string))
		original, err := base64.StdEncoding.DecodeString(l["msgpack"].(string))
		require.NoError(t, err)
		require.True(t, bytes.Contains(chunk, original), "byte for byte")
	}
	return reasons
}

// Whatever is in the records: the budget, and beside it what each flush has cut
// and waits to put there.
func TestHostileRecordsStayWithinTheMemoryLimit(t *testing.T) {
	const flushes, limit = 8, 8 << 20
	now := eventTime(946684800, 1)
	grows := at(now, record(str("k"), nested(1, []byte{0x91}, str(strings.Repeat("\x01", 64<<10)), nil)))
	var names []byte
	for _, name := range manyNames(0, 20_000) {
		names = append(names, at(now, record(str("k"), str(name)))...)
	}
	for name, c := range map[string]struct {
		chunk  []byte
		growth int // in the log
	}{
		"values that grow six times": {bytes.Repeat(grows, 16), 6},
		"a destination each":         {names, 2},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, "memory_limit=8M logstore=$k|none allow_destinations=*", func(t *testing.T, b *bench) {
				b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(time.Hour) })
				before := heap()
				var wg sync.WaitGroup
				for range flushes {
					wg.Go(func() { require.Equal(t, Retry, b.flush(c.chunk)) })
				}
				synctest.Wait()
				grown := heap() - before
				wg.Wait()
				// Twice: a buffer that grows is up to twice what is in it. The rest is
				// for the connections, of which the emulator holds the other end.
				bound := 2 * (limit + flushes*c.growth*len(c.chunk))
				t.Logf("%d MiB, at most %d MiB", grown>>20, bound>>20)
				require.Less(t, grown, bound+maxRequests*(200<<10))
			})
		})
	}
}

// heap is how many bytes are in use.
func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what was in pools goes with the second
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}
