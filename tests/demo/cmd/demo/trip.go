package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"fluent-bit-sls/tests/demo/report"
	"fluent-bit-sls/tests/e2e"
	"fluent-bit-sls/tests/slsfake"
)

// trip is one file's way out through out_sls and back through in_sls.
type trip struct {
	host     e2e.Host
	show     *progress
	sls      *slsfake.Server
	endpoint string
	file     string
	what     string // the file in words
	sent     *tally
	rec      *recorder

	phases        []report.Phase
	speeds        []report.Speed
	logOut, logIn string

	mu     sync.Mutex // guards what follows
	stored *stock     // nil until everything is stored
	back   *tally
	over   bool // what a host that was killed still brings no longer counts
}

// newTrip starts the emulator; run stops it.
func newTrip(host e2e.Host, show *progress, file string, sent *tally) (*trip, error) {
	rec := newRecorder(sent.lines)
	sls := slsfake.New(slsfake.Config{AccessKeyID: keyID, AccessKeySecret: keySecret, Trace: rec.request})
	endpoint, err := sls.Listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	sls.CreateLogstore(project, logstore, shards)
	show.print("emulator   %s, project %s, logstore %s, %d shards", endpoint, project, logstore, shards)
	show.count(rec.counts, float64(sent.bytes)/float64(max(1, sent.lines)))
	return &trip{
		host: host, show: show, sls: sls, endpoint: endpoint, file: file, sent: sent, rec: rec, back: newTally(),
	}, nil
}

// props are the properties of a section, with one more.
func (t *trip) props(name, value string) map[string]string {
	return map[string]string{
		"endpoint": t.endpoint, "project": project, "logstore": logstore,
		"access_key_id": keyID, "access_key_secret": keySecret, "startup_check": "off", name: value,
	}
}

// run makes the trip; what is known when it fails half way is in t.
func (t *trip) run(ctx context.Context) error {
	defer t.sls.Close()
	err := t.ship(ctx)
	if err == nil {
		err = t.consume(ctx)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	if n := len(t.phases); n > 0 {
		t.phases[n-1].To = t.rec.since()
	}
	return err
}

// phase begins a part of the run; the one before it ends.
func (t *trip) phase(name string, waitsFor func() string) {
	now := t.rec.since()
	if n := len(t.phases); n > 0 {
		t.phases[n-1].To = now
	}
	t.phases = append(t.phases, report.Phase{Name: name, From: now, To: now})
	t.show.phase(name, waitsFor)
}

// ship runs out_sls until the emulator has accepted every line.
func (t *trip) ship(ctx context.Context) error {
	t.phase("ship", t.waitsForStored)
	begin := time.Now()
	out, err := t.host.Ship(ctx, t.file, t.props("topic", "access"))
	if err != nil {
		return fmt.Errorf("ship: %w", err)
	}
	t.show.follow(out.Log)
	err = t.sls.Wait(ctx, func() bool { return t.sls.LogCount(project, logstore) >= t.sent.lines })
	took := time.Since(begin)
	t.phase("stop", func() string { return "the host" })
	err = errors.Join(err, out.Stop(ctx))
	t.logOut = out.Log()
	if err != nil {
		return fmt.Errorf("ship: %d of %d lines stored: %w\n%s", t.sls.LogCount(project, logstore), t.sent.lines, err, tail(t.logOut))
	}
	t.speed("out_sls", took)
	put := t.sls.Stats().Ops[slsfake.OpPutLogs]
	t.show.print("shipped    %d requests, %s raw, %s on the wire, %s", put.Requests,
		report.Size(put.RawIn), report.Size(put.WireIn), t.fast())
	return nil
}

// consume runs in_sls until the checkpoints of its group stand at the end of
// every shard: then nothing more can come, be it missing or double.
func (t *trip) consume(ctx context.Context) error {
	t.phase("compare", func() string { return "the file" })
	t.stored = newStock(t.sent, t.sls.EachLog(project, logstore))
	t.phase("read back", t.waitsForRead)
	begin := time.Now()
	in, err := t.host.Consume(ctx, t.props("consumer_group", group), t.take)
	if err != nil {
		return fmt.Errorf("consume: %w", err)
	}
	t.show.follow(in.Log)
	err = t.rec.wait(ctx, t.sls, t.caughtUp)
	if err == nil {
		t.phase("checkpoints", t.waitsForCheckpoints)
		err = t.sls.Wait(ctx, t.caughtUp)
	}
	t.phase("stop", func() string { return "the host" })
	err = errors.Join(err, in.Stop(ctx))
	t.logIn = in.Log()
	if err != nil {
		_, back := t.rec.counts()
		return fmt.Errorf("consume: %d of %d lines read back: %w\n%s", back, t.sent.lines, err, tail(t.logIn))
	}
	t.speed("in_sls", t.rec.lastRead().Sub(begin))
	pull := t.sls.Stats().Ops[slsfake.OpPullLogs]
	t.show.print("read back  %d pulls, %s raw, %s on the wire, %s", pull.Requests,
		report.Size(pull.RawOut), report.Size(pull.WireOut), t.fast())
	return nil
}

// speed notes how long the file took.
func (t *trip) speed(name string, took time.Duration) {
	t.speeds = append(t.speeds, report.Speed{Name: name, Lines: t.sent.lines, Took: took})
}

// fast words the last speed.
func (t *trip) fast() string {
	took := t.speeds[len(t.speeds)-1].Took
	return fmt.Sprintf("%.1f MB/s of file in %.1fs", report.Rate(t.sent.bytes, took), took.Seconds())
}

// take is the sink of what in_sls hands over; one call at a time.
func (t *trip) take(events []e2e.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	for _, e := range events {
		line, _ := e.Record["log"].(string)
		t.back.add(line)
		t.stored.read(line, e.Time)
	}
	t.rec.read(len(events))
}

// caughtUp tells whether the group's checkpoints stand at the end of every shard.
func (t *trip) caughtUp() bool { return t.behind() == 0 }

// behind counts the shards whose checkpoint is not at the end.
func (t *trip) behind() int {
	checkpoints, n := t.sls.Checkpoints(project, logstore, group), 0
	for _, s := range t.sls.Shards(project, logstore) {
		if checkpoints[s.ID].Number != s.End {
			n++
		}
	}
	return n
}

func (t *trip) waitsForStored() string {
	missing := t.sent.lines - t.sls.LogCount(project, logstore)
	put := t.sls.Stats().Ops[slsfake.OpPutLogs]
	if refused := put.Requests - put.ByStatus[200]; refused > 0 {
		return fmt.Sprintf("%s lines; %d of %d requests refused", report.Count(missing), refused, put.Requests)
	}
	return report.Count(missing) + " lines"
}

func (t *trip) waitsForRead() string {
	held := 0
	for _, g := range t.sls.ConsumerGroups(project, logstore) {
		for _, m := range g.Members {
			held += len(m.Holds)
		}
	}
	if held < shards {
		return fmt.Sprintf("shards: in_sls holds %d of %d", held, shards)
	}
	_, read := t.rec.counts()
	return report.Count(t.sent.lines-read) + " lines"
}

func (t *trip) waitsForCheckpoints() string {
	return fmt.Sprintf("%d shards", t.behind())
}
