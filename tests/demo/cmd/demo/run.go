package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fluent-bit-sls/tests/e2e"
	"fluent-bit-sls/tests/slsfake"
)

// ship runs out_sls until the emulator has accepted every line.
func ship(ctx context.Context, host e2e.Host, sls *slsfake.Server, file string, sent *tally, props map[string]string) error {
	stored := func() int { return sls.LogCount(project, logstore) }
	begin := time.Now()
	out, err := host.Ship(ctx, file, props)
	if err != nil {
		return err
	}
	err = sls.Wait(ctx, func() bool { return stored() >= sent.lines })
	took := time.Since(begin)
	if err = errors.Join(err, out.Stop(ctx)); err != nil {
		return fmt.Errorf("ship: %d of %d lines stored: %w\n%s", stored(), sent.lines, err, out.Log())
	}
	put := sls.Stats().Ops[slsfake.OpPutLogs]
	fmt.Printf("shipped    %d requests, %s raw, %s on the wire, %.1f MB/s of file in %.1fs\n",
		put.Requests, megabytes(put.RawIn), megabytes(put.WireIn), rate(sent.bytes, took), took.Seconds())
	fmt.Print("shards    ")
	for _, s := range sls.Shards(project, logstore) {
		fmt.Printf(" %d: %d logs ", s.ID, s.Logs)
	}
	fmt.Println()
	return nil
}

// consume runs in_sls until as many lines came back as were sent, and a little
// longer, so that one that came twice would show.
func consume(ctx context.Context, host e2e.Host, sls *slsfake.Server, sent *tally, props map[string]string) (*tally, error) {
	got := newTally()
	back := newLatch(sent.lines)
	begin := time.Now()
	in, err := host.Consume(ctx, props, func(events []e2e.Event) {
		for _, e := range events {
			line, _ := e.Record["log"].(string)
			got.add(line)
		}
		back.add(len(events))
	})
	if err != nil {
		return nil, err
	}
	err = back.wait(ctx)
	took := time.Since(begin)
	if err == nil {
		// Once the checkpoints stand at the end nothing more can come.
		err = sls.Wait(ctx, func() bool { return caughtUp(sls) })
	}
	if err = errors.Join(err, in.Stop(ctx)); err != nil {
		return nil, fmt.Errorf("consume: %d of %d lines read back: %w\n%s", back.count(), sent.lines, err, in.Log())
	}
	pull := sls.Stats().Ops[slsfake.OpPullLogs]
	fmt.Printf("read back  %d pulls, %s raw, %s on the wire, %.1f MB/s of file in %.1fs, checkpoints of group %s on %d shards\n",
		pull.Requests, megabytes(pull.RawOut), megabytes(pull.WireOut), rate(sent.bytes, took), took.Seconds(),
		group, len(sls.Checkpoints(project, logstore, group)))
	return got, nil
}

// caughtUp tells whether the group's checkpoints stand at the end of every shard.
func caughtUp(sls *slsfake.Server) bool {
	checkpoints := sls.Checkpoints(project, logstore, group)
	for _, s := range sls.Shards(project, logstore) {
		if checkpoints[s.ID].Number != s.End {
			return false
		}
	}
	return true
}
