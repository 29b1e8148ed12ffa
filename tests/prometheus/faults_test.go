package prometheus

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/panicking"
	"fluent-bit-sls/tests/slsfake"
)

// A fault is what goes wrong with one section of Fluent Bit's configuration. Its alias and its
// logstore are the fault's name.
type fault struct {
	name  string
	props string // further properties of the section
	bulk  bool   // a megabyte a second, or many log groups, not a few lines
	// line is what is written beside, once the fault has begun.
	line string
	// begin makes it happen.
	begin func(w *world, f fault)
	// fires are the alerts for it, and may those that are a matter of timing.
	fires, may []string
}

// on breaks the calls of one operation of the fault's logstore.
func on(op slsfake.Op, broken func(*slsfake.Call)) func(*world, fault) {
	return func(w *world, f fault) {
		w.sls.Hook(op, func(c *slsfake.Call) {
			if c.Logstore == f.name {
				broken(c)
			}
		})
	}
}

func refuse(status int, code string) func(*slsfake.Call) {
	return func(c *slsfake.Call) { c.Fail(status, code, "by the test") }
}

// every breaks one call of two.
func every(broken func(*slsfake.Call)) func(*slsfake.Call) {
	return func(c *slsfake.Call) {
		if c.N%2 == 0 {
			broken(c)
		}
	}
}

// badRecord refuses what holds one, as SLS refuses a whole request.
func badRecord(c *slsfake.Call) {
	if bytes.Contains(c.Body, []byte("bad record")) {
		c.Fail(http.StatusBadRequest, "PostBodyInvalid", "by the test")
	}
}

// doubtful stores what holds a bad record without a clear answer, and refuses it when it comes
// again: nobody can tell whether it is there.
func doubtful(w *world, f fault) {
	var mu sync.Mutex
	came := map[string]bool{}
	on(slsfake.OpPutLogs, func(c *slsfake.Call) {
		if !bytes.Contains(c.Body, []byte("bad record")) {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if number := c.HashKey + c.SequenceID; came[number] {
			badRecord(c)
		} else {
			came[number] = true
			c.FailAfter(http.StatusInternalServerError, "InternalServerError", "by the test")
		}
	})(w, f)
}

// unreadable answers with a log group whose log ends beyond it, in place of what there is.
func unreadable(w *world, f fault) {
	on(slsfake.OpPullLogs, func(c *slsfake.Call) {
		at, err := slsfake.DecodeCursor(c.Cursor)
		if end := w.sls.Shards(project, f.name)[c.Shard].End; err == nil && at < end {
			list := []byte{0x0a, 0x03, 0x0a, 0x7f, 0x00}
			c.Answer(http.StatusOK, http.Header{
				"X-Log-Cursor": {slsfake.EncodeCursor(end)}, "X-Log-Count": {"1"},
				"X-Log-Bodyrawsize": {strconv.Itoa(len(list))}, "X-Log-Compresstype": {"lz4"},
			}, sls.Compress(sls.LZ4, nil, list))
		}
	})(w, f)
}

// outputs are the faults of out_sls; the first has none.
var outputs = []fault{
	{name: "fine"},
	{name: "lost", line: `{"log":"bad record"}`, begin: on(slsfake.OpPutLogs, badRecord), fires: []string{"SLSRecordsLost"}},
	{
		name: "letters", props: "dead_letter_file: refused.jsonl", line: `{"log":"bad record"}`,
		begin: on(slsfake.OpPutLogs, badRecord), fires: []string{"SLSDeadLetters"},
	},
	{
		name: "givenup", props: "retry_limit: 1", begin: on(slsfake.OpPutLogs, refuse(http.StatusInternalServerError, "InternalServerError")),
		fires: []string{"SLSChunksGivenUp", "SLSOutputStalled"},
	},
	{
		name: "evicted", props: "storage.total_limit_size: 10M", bulk: true, begin: on(slsfake.OpPutLogs, (*slsfake.Call).CloseBefore),
		fires: []string{"SLSChunksEvicted", "SLSBacklogGrows", "SLSOutputStalled"},
	},
	{
		name: "grows", props: "storage.total_limit_size: 100M", bulk: true, begin: on(slsfake.OpPutLogs, (*slsfake.Call).CloseBefore),
		fires: []string{"SLSBacklogGrows", "SLSOutputStalled"}, may: []string{"SLSChunksEvicted"},
	},
	{
		name: "rejected", begin: func(w *world, f fault) { w.sls.RemoveKey(f.name) },
		fires: []string{"SLSOutputRejected", "SLSOutputStalled"},
	},
	{
		name: "stalled", begin: on(slsfake.OpPutLogs, func(c *slsfake.Call) { c.FailHTML(http.StatusBadGateway) }),
		fires: []string{"SLSOutputStalled"},
	},
	{
		name: "throttled", begin: on(slsfake.OpPutLogs, every(refuse(http.StatusForbidden, "ShardWriteQuotaExceed"))),
		fires: []string{"SLSOutputThrottled"},
	},
	{
		name: "refused", props: "logstore: $store|refused\n      default_logstore: refused\n      allow_destinations: fine",
		line: `{"log":"x","store":"secret"}`, begin: nothing, fires: []string{"SLSDestinationRefused"},
	},
	{
		name: "absent", props: "logstore: $store|absent\n      default_logstore: absent\n      allow_destinations: absent-*",
		line: `{"log":"x","store":"absent-at-all"}`, begin: nothing, fires: []string{"SLSDestinationAbsent"},
		may: []string{"SLSOutputStalled", "SLSOutputRejected"}, // for the logstore that is not there
	},
	{
		// A second Fluent Bit on the same folder, as in a rollout that starts it before the first has ended.
		name: "unkept", props: "state_path: ../state", begin: func(w *world, f fault) {
			in, out := w.output(f)
			w.run("surge", w.second, in, out)
		},
		fires: []string{"SLSStateNotKept"},
	},
	{
		name: "small", props: "state_path: ../state\n      state_size: 1M\n      batch_count: 1",
		line:  strings.Repeat(`{"log":"one of many"}`+"\n", 19) + `{"log":"one of many"}`,
		begin: nothing, fires: []string{"SLSStateTooSmall"},
	},
	{
		name: "numbers", props: "state_path: ../state\n      exactly_once: on", line: `{"log":"bad record"}`,
		begin: doubtful, fires: []string{"SLSNumbersForgotten"}, may: []string{"SLSRecordsLost", "SLSOutputStalled"},
	},
	{
		name: "outpanics", begin: on(slsfake.OpPutLogs, every(panicking.Answer)), fires: []string{"SLSOutputPanics"},
	},
}

// inputs are the faults of in_sls.
var inputs = []fault{
	{name: "read", props: "checkpoint: delivered"},
	{
		name: "lags", begin: on(slsfake.OpPullLogs, refuse(http.StatusInternalServerError, "InternalServerError")),
		fires: []string{"SLSInputLags"},
	},
	{
		name: "nothing", begin: on(slsfake.OpHeartbeat, func(c *slsfake.Call) { c.Answer(http.StatusOK, nil, []byte("[]")) }),
		fires: []string{"SLSNoShardHeld"},
	},
	{
		name: "silent", begin: on(slsfake.OpHeartbeat, refuse(http.StatusInternalServerError, "InternalServerError")),
		fires: []string{"SLSHeartbeatsFail", "SLSNoShardHeld"},
	},
	{
		// The group forgets the member, whose next checkpoint comes too late.
		name: "forgotten", begin: func(w *world, f fault) {
			on(slsfake.OpUpdateCheckpoint, slsfake.First(2, func(c *slsfake.Call) {
				w.sls.ExpireConsumer(c.Project, c.Logstore, c.Group, c.Consumer)
			}))(w, f)
		},
		fires: []string{"SLSCheckpointsRefused"},
	},
	{
		name: "uncommitted", begin: on(slsfake.OpUpdateCheckpoint, refuse(http.StatusInternalServerError, "InternalServerError")),
		fires: []string{"SLSCheckpointsFail"},
	},
	{
		// A look in a minute finds the other in several shards at once, if the two do not
		// happen to commit the same cursors.
		name: "twice", props: "consumer: me", bulk: true, begin: func(w *world, f fault) { w.startAnother(f) },
		fires: []string{"SLSConsumerNameTwice"}, may: []string{"SLSCheckpointsRefused"},
	},
	{name: "inpanics", begin: on(slsfake.OpPullLogs, slsfake.First(2, panicking.Answer)), fires: []string{"SLSInputPanics"}},
	{
		name: "expired", begin: func(w *world, f fault) {
			on(slsfake.OpPullLogs, slsfake.First(1, func(*slsfake.Call) {
				for range 2 * shards { // so that the shard ends beyond the cursor
					w.append(f.name)
				}
				for _, s := range w.sls.Shards(project, f.name) {
					_ = w.sls.TrimShard(project, f.name, s.ID, s.End)
				}
			}))(w, f)
		},
		fires: []string{"SLSDataExpiredUnread"},
	},
	{name: "unreadable", begin: unreadable, fires: []string{"SLSDataUnreadable"}},
	{
		name: "slowed", begin: on(slsfake.OpPullLogs, every(refuse(http.StatusForbidden, "ShardReadQuotaExceed"))),
		fires: []string{"SLSInputThrottled"},
	},
}

func nothing(*world, fault) {} // the lines are the fault

// section is the fault's of an [OUTPUT] or [INPUT], below the properties that all have.
func (f fault) section(common string) string {
	text := fmt.Sprintf("    - name: sls\n      alias: %s\n%s", f.name, common)
	if f.props != "" {
		text += "      " + f.props + "\n"
	}
	return text
}
