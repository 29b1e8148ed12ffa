// Package plan says what a campaign is made of: its seed, its time, the plugins and what is
// drawn from the seed. It knows nothing of what is attacked.
package plan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"fluent-bit-sls/tests/campaign/secrets"
)

// Project is the one of every logstore.
const Project = "campaign"

// DrainFor is how long hosts may take, in the end, for what is left.
const DrainFor = time.Minute

// Plan is what a campaign is made of.
type Plan struct {
	Seed  uint64
	Time  time.Duration // how long there are faults; delivering the rest takes a few seconds more
	OutSo string        // out_sls.so
	InSo  string        // in_sls.so
	// PanicOutSo and PanicInSo are plugins that can be made to panic; "" = there are none.
	PanicOutSo, PanicInSo string
	Dir                   string // for the plugins and the host program; whoever made it removes it
	Out                   io.Writer
	Quiet                 bool // no progress lines
	Keys                  []secrets.Key
	Watch                 *secrets.Watch

	// HostBin is a built flbhost; "" builds one.
	HostBin string
	// Transcript gets every line that hosts log or print; nil = nobody.
	Transcript io.Writer
}

// Prepare draws the keys and begins to watch for them, unless that is done.
func (p *Plan) Prepare() {
	if p.Watch == nil {
		p.Keys = secrets.NewKeys(p.Stream("keys"))
		p.Watch = secrets.NewWatch(p.Out, p.Transcript, p.Keys)
		p.Out = p.Watch
	}
}

// Stream returns a source of random numbers for that name: what one actor draws does not
// change what another gets.
func (p *Plan) Stream(name string) *rand.Rand {
	h := p.Seed
	for _, b := range []byte(name) {
		h = Mix(h ^ uint64(b))
	}
	return rand.New(rand.NewPCG(p.Seed, h))
}

// Mix is the finaliser of splitmix64: a cheap hash of one word.
func Mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Plugin copies a plugin into the campaign's folder. A reload loads it again, and a build
// must not change it meanwhile.
func (p *Plan) Plugin(so, name string) (string, error) {
	to := filepath.Join(p.Dir, name)
	from, err := os.Open(so)
	if err != nil {
		return "", fmt.Errorf("find the plugin, `make build` makes it: %w", err)
	}
	defer from.Close() //nolint:errcheck // it was only read
	f, err := os.Create(to)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, from)
	return to, errors.Join(err, f.Close())
}

// Wait waits for d or until ctx ends.
func Wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
