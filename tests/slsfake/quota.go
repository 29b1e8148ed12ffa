package slsfake

import (
	"fmt"
	"time"
)

// Quota limits the traffic of a shard or a project per second. A zero field does
// not limit. A second's worth may be used at once; a request larger than what is
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

// account is what one shard or project has used of its Quota.
type account struct {
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

// chargeWriteLocked admits a write of raw bytes and charges it to the project and
// the shard; a refused one costs neither anything.
func (s *Server) chargeWriteLocked(p *project, sh *shard, raw int) *apiError {
	now := time.Now()
	if why := p.used.refuseWrite(s.cfg.ProjectQuota, now); why != "" {
		return fail(codeWriteQuotaExceed, "Project write quota exceed: %s", why)
	}
	if why := sh.used.refuseWrite(s.cfg.Quota, now); why != "" {
		return fail(codeShardWriteQuotaExceed, "Shard write quota exceed: %s", why)
	}
	for _, a := range []*account{&p.used, &sh.used} {
		a.writeBytes.take(raw)
		a.writeRequests.take(1)
	}
	return nil
}

// refuseWrite says what a write would exceed; "" = nothing.
func (a *account) refuseWrite(lim Quota, now time.Time) string {
	switch {
	case !a.writeBytes.open(lim.WriteBytes, now):
		return fmt.Sprintf("Inflow Quota Exceed, %d bytes/s", lim.WriteBytes)
	case !a.writeRequests.open(lim.WriteRequests, now):
		return fmt.Sprintf("Write QPS Exceed, %d/s", lim.WriteRequests)
	}
	return ""
}

// chargeReadLocked admits a pull and charges it; its bytes are charged by
// readBytes.take once known.
func (s *Server) chargeReadLocked(p *project, sh *shard) *apiError {
	now := time.Now()
	if why := p.used.refuseRead(s.cfg.ProjectQuota, now); why != "" {
		return fail(codeReadQuotaExceed, "Project read quota exceed: %s", why)
	}
	if why := sh.used.refuseRead(s.cfg.Quota, now); why != "" {
		return fail(codeShardReadQuotaExceed, "Shard read quota exceed: %s", why)
	}
	p.used.readRequests.take(1)
	sh.used.readRequests.take(1)
	return nil
}

// refuseRead says what a pull would exceed; "" = nothing.
func (a *account) refuseRead(lim Quota, now time.Time) string {
	switch {
	case !a.readBytes.open(lim.ReadBytes, now):
		return fmt.Sprintf("Outflow Quota Exceed, %d bytes/s", lim.ReadBytes)
	case !a.readRequests.open(lim.ReadRequests, now):
		return fmt.Sprintf("Read QPS Exceed, %d/s", lim.ReadRequests)
	}
	return ""
}
