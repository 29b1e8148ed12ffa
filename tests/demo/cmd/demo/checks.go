package main

import (
	"fmt"

	"fluent-bit-sls/tests/demo/report"
)

// evidence is what the checks judge.
type evidence struct {
	sent, back *tally
	stored     *stock // nil if the run did not come to comparing
	ended      bool   // nothing more can come
	behind     int    // shards whose checkpoint is not at the end
}

// checks judges a run.
func (e evidence) checks() []report.Check {
	if e.stored != nil {
		return e.list()
	}
	e.stored = &stock{}
	list := e.list()
	for i := range list {
		list[i].Outcome, list[i].Found = report.OutcomeOpen, "The run ended before this could be told."
	}
	return list
}

func (e evidence) list() []report.Check {
	s, total := e.stored, e.stored.sum()
	lost, doubled := e.sent.compare(e.back)
	doubled = max(doubled, s.doubled)
	lines := report.Count(e.sent.lines) + " lines shipped, " + report.Count(total.stored) + " logs in SLS"
	return []report.Check{
		check("Every line is stored", s.missing, true,
			fmt.Sprintf("%s: %s missing.", lines, report.Count(s.missing)),
			"out_sls drops a record, or answers FLB_OK before SLS has it"),
		check("Nothing is stored twice", s.extra+s.strange, true,
			fmt.Sprintf("%s: %s too many, %s not a line.", lines, report.Count(s.extra), report.Count(s.strange)),
			"out_sls sends again what SLS has accepted, or makes up a log"),
		check("Every line came back", lost, e.ended,
			fmt.Sprintf("%s lines read back: %s missing.", report.Count(e.back.lines), report.Count(lost)),
			"in_sls skips a log, a log group or a shard"),
		check("Nothing came twice", doubled, e.ended,
			fmt.Sprintf("%s lines read back: %s too many.", report.Count(e.back.lines), report.Count(doubled)),
			"in_sls hands a log over again, or two readers hold one shard"),
		check("Bytes are equal", s.altered, e.ended,
			fmt.Sprintf("%s shipped, %s read back: %s lines altered.",
				report.Size(e.sent.bytes), report.Size(e.back.bytes), report.Count(s.altered)),
			"one byte of a line differs from the file"),
		check("Timestamps are equal", s.retimed, e.ended,
			fmt.Sprintf("Compared to the nanosecond: %s lines differ.", report.Count(s.retimed)),
			"a record comes back with another time than SLS has"),
		check("Order within each shard", total.disordered, e.ended,
			fmt.Sprintf("%d shards: %s lines out of order.", len(s.shards), report.Count(total.disordered)),
			"in_sls hands a log over before one that lies in front of it"),
		check("Checkpoints stand at the end", e.behind, e.ended,
			fmt.Sprintf("%d shards behind.", e.behind),
			"a checkpoint is missing or short: after a restart the group would read records again"),
	}
}

// check judges what was found. While more can come nothing is said: what is
// missing may still come, and so may a fault.
func check(name string, faults int, ended bool, found, fails string) report.Check {
	c := report.Check{Name: name, Found: found, Fails: fails, Outcome: report.OutcomePassed}
	switch {
	case !ended:
		c.Outcome = report.OutcomeOpen
	case faults != 0:
		c.Outcome = report.OutcomeFailed
	}
	return c
}
