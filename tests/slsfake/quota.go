package slsfake

import "time"

// Quota limits the traffic of each shard per second. A zero field does not
// limit. A second's worth may be used at once; a request larger than what is
// left is served and paid off afterwards, so the rate holds on average.
type Quota struct {
	WriteBytes    int // raw bytes
	WriteRequests int
	ReadBytes     int // raw bytes
	ReadRequests  int
}

// ProductionQuota is what the service documents for a shard: write 5 MB/s and
// 500 requests/s, read 10 MB/s and 100 requests/s.
func ProductionQuota() Quota {
	return Quota{WriteBytes: 5 << 20, WriteRequests: 500, ReadBytes: 10 << 20, ReadRequests: 100}
}

// shardQuota is one shard's account.
type shardQuota struct {
	writeBytes, writeRequests, readBytes, readRequests bucket
}

// bucket is a token bucket that may go into debt.
type bucket struct {
	tokens float64
	filled time.Time
}

// open reports whether anything is left at now, refilling first. perSecond 0
// is always open.
func (b *bucket) open(perSecond int, now time.Time) bool {
	if perSecond == 0 {
		return true
	}
	limit := float64(perSecond)
	if b.filled.IsZero() {
		b.tokens = limit
	} else {
		b.tokens = min(limit, b.tokens+now.Sub(b.filled).Seconds()*limit)
	}
	b.filled = now
	return b.tokens > 0
}

func (b *bucket) take(n int) { b.tokens -= float64(n) }

func (q *shardQuota) write(lim Quota, raw int, now time.Time) *apiError {
	if !q.writeBytes.open(lim.WriteBytes, now) {
		return fail(codeShardWriteQuotaExceed, "Write quota exceed: shard inflow is over %d bytes/s", lim.WriteBytes)
	}
	if !q.writeRequests.open(lim.WriteRequests, now) {
		return fail(codeShardWriteQuotaExceed, "Write QPS Exceed: shard writes are over %d/s", lim.WriteRequests)
	}
	q.writeBytes.take(raw)
	q.writeRequests.take(1)
	return nil
}

// read admits a pull; its bytes are taken by readBytes.take once known.
func (q *shardQuota) read(lim Quota, now time.Time) *apiError {
	if !q.readBytes.open(lim.ReadBytes, now) {
		return fail(codeShardReadQuotaExceed, "Read quota exceed: shard outflow is over %d bytes/s", lim.ReadBytes)
	}
	if !q.readRequests.open(lim.ReadRequests, now) {
		return fail(codeShardReadQuotaExceed, "Read QPS Exceed: shard reads are over %d/s", lim.ReadRequests)
	}
	q.readRequests.take(1)
	return nil
}
