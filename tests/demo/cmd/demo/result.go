package main

import (
	"fmt"
	"regexp"
	"strings"

	"fluent-bit-sls/tests/demo/report"
	"fluent-bit-sls/tests/slsfake"
)

// result puts together what the page shows. The trip is over.
func (t *trip) result(err error) *report.Run {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := &report.Run{
		Began: t.rec.began, Took: t.rec.since(), Host: t.host.Name(), Lines: t.sent.lines, Bytes: t.sent.bytes,
		Phases: t.phases, Speeds: t.speeds, Stored: t.rec.stored, Read: t.rec.back,
		Calls: []report.Call{t.rec.put, t.rec.pull, t.rec.idle}, ReadBack: t.back.lines, Facts: t.facts(),
	}
	r.Lost, r.Duplicated = t.sent.compare(t.back)
	for _, s := range []struct{ name, log string }{{"out_sls", t.logOut}, {"in_sls", t.logIn}} {
		if _, options := started(s.log); options != nil {
			r.Sections = append(r.Sections, report.Section{Title: "Options of " + s.name, Options: options})
		}
	}
	checkpoints := t.sls.Checkpoints(project, logstore, group)
	for _, s := range t.sls.Shards(project, logstore) {
		r.Shards = append(r.Shards, t.shard(s, checkpoints[s.ID].Number))
	}
	r.Checks = evidence{sent: t.sent, back: t.back, stored: t.stored, ended: err == nil, behind: t.behind()}.checks()
	if err != nil {
		r.Error = mask(err.Error())
	}
	return r
}

func (t *trip) facts() []report.Fact {
	version := func(log string) string {
		v, _ := started(log)
		return v
	}
	logs := t.logOut + t.logIn
	return []report.Fact{
		{Name: "data", Value: t.what},
		{Name: "host", Value: t.host.Name()},
		{Name: "out_sls", Value: version(t.logOut)},
		{Name: "in_sls", Value: version(t.logIn)},
		{Name: "SLS", Value: fmt.Sprintf("the emulator on %s, project %s, logstore %s, %d shards", t.endpoint, project, logstore, shards)},
		{Name: "log of the host", Value: fmt.Sprintf("%d warnings, %d errors",
			strings.Count(logs, "[ warn]")+strings.Count(logs, "[warn]"), strings.Count(logs, "[error]"))},
	}
}

func (t *trip) shard(s slsfake.Shard, checkpoint int64) report.Shard {
	v := report.Shard{
		ID: s.ID, Begin: s.BeginKey, End: s.EndKey, Stored: int(s.Logs), Bytes: s.Bytes, Groups: s.End - s.Begin,
		CheckpointDone: checkpoint == s.End,
	}
	if t.stored != nil && t.stored.shards[s.ID] != nil {
		v.Read = t.stored.shards[s.ID].read
	}
	return v
}

// started finds the line that a plugin logs when it starts: its version, and
// the options in force, secrets masked. No options where there is no such line.
func started(log string) (version string, options []report.Fact) {
	line := regexp.MustCompile(`started, version (\S+): (.*)`).FindStringSubmatch(log)
	if line == nil {
		return "not started", nil
	}
	for _, o := range regexp.MustCompile(`(\w+)=("(?:[^"\\]|\\.)*"|\S*)`).FindAllStringSubmatch(line[2], -1) {
		options = append(options, report.Fact{Name: o[1], Value: mask(o[2])})
	}
	return "version " + line[1], options
}

// tail is the end of a log.
func tail(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return mask(strings.Join(lines[max(0, len(lines)-15):], "\n"))
}

// mask is a second lock: the plugins write no secrets, so there should be none.
func mask(s string) string { return strings.ReplaceAll(s, keySecret, "***") }
