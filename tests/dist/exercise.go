package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"fluent-bit-sls/tests/demo"
	"fluent-bit-sls/tests/e2e"
	"fluent-bit-sls/tests/slsfake"
)

const project, logstore, shards = "dist", "dist", 2

// exercise ships lines through out_sls, reads them back through in_sls, and
// fails unless each came back once and both plugins have told their version, in
// the log and as User-Agent.
func exercise(ctx context.Context, host e2e.Host, version string, lines int) error {
	folder, err := os.MkdirTemp("", "dist")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder) //nolint:errcheck // a temporary folder left behind changes no result
	file := filepath.Join(folder, "access.log")
	text := &bytes.Buffer{}
	if _, err := demo.WriteAccessLog(text, lines, 1); err != nil {
		return err
	}
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		return err
	}
	sls := slsfake.New(slsfake.Config{AccessKeyID: "key", AccessKeySecret: "secret"})
	defer sls.Close()
	endpoint, err := sls.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	sls.CreateLogstore(project, logstore, shards)
	agents := watchAgents(sls)
	props := map[string]string{
		"endpoint": endpoint, "project": project, "logstore": logstore,
		"access_key_id": "key", "access_key_secret": "secret",
	}
	shipLog, err := ship(ctx, host, sls, file, lines, props)
	if err != nil {
		return err
	}
	props = maps.Clone(props)
	props["consumer_group"], props["checkpoint_interval"] = "dist", "500ms"
	got, readLog, err := consume(ctx, host, sls, lines, props)
	if err != nil {
		return err
	}
	return errors.Join(compare(text, got), agents.told(version), logged(version, shipLog), logged(version, readLog))
}

func ship(ctx context.Context, host e2e.Host, sls *slsfake.Server, file string, lines int, props map[string]string) (log string, err error) {
	out, err := host.Ship(ctx, file, props)
	if err != nil {
		return "", err
	}
	err = sls.Wait(ctx, func() bool { return sls.LogCount(project, logstore) >= lines })
	if err = errors.Join(err, out.Stop(ctx)); err != nil {
		return "", fmt.Errorf("ship: %d of %d lines stored: %w\n%s", sls.LogCount(project, logstore), lines, err, out.Log())
	}
	return out.Log(), nil
}

// consume reads until the checkpoints stand at the end of every shard: after
// that no line can come any more.
func consume(ctx context.Context, host e2e.Host, sls *slsfake.Server, lines int, props map[string]string) (got map[string]int, log string, err error) {
	got = map[string]int{}
	in, err := host.Consume(ctx, props, func(events []e2e.Event) {
		for _, e := range events {
			line, _ := e.Record["log"].(string)
			got[line]++
		}
	})
	if err != nil {
		return nil, "", err
	}
	err = sls.Wait(ctx, func() bool { return caughtUp(sls, props["consumer_group"]) })
	if err = errors.Join(err, in.Stop(ctx)); err != nil {
		return nil, "", fmt.Errorf("read %d lines back: %w\n%s", lines, err, in.Log())
	}
	return got, in.Log(), nil
}

func caughtUp(sls *slsfake.Server, group string) bool {
	checkpoints := sls.Checkpoints(project, logstore, group)
	for _, s := range sls.Shards(project, logstore) {
		if checkpoints[s.ID].Number != s.End {
			return false
		}
	}
	return true
}

// compare fails unless got has each line of text as often as text has it.
func compare(text *bytes.Buffer, got map[string]int) error {
	lost, doubled := 0, 0
	for lines := bufio.NewScanner(text); lines.Scan(); {
		got[lines.Text()]--
	}
	for _, n := range got {
		lost, doubled = lost+max(0, -n), doubled+max(0, n)
	}
	if lost > 0 || doubled > 0 {
		return fmt.Errorf("%d lines did not come back, %d came that were not shipped", lost, doubled)
	}
	return nil
}

// agents are the User-Agents that the emulator saw, by operation.
type agents struct {
	mu   sync.Mutex // guards seen
	seen map[slsfake.Op]string
}

func watchAgents(sls *slsfake.Server) *agents {
	a := &agents{seen: map[slsfake.Op]string{}}
	for _, op := range []slsfake.Op{slsfake.OpPutLogs, slsfake.OpPullLogs} {
		sls.Hook(op, func(c *slsfake.Call) { a.note(op, c.Header) })
	}
	return a
}

func (a *agents) note(op slsfake.Op, header http.Header) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen[op] = header.Get("User-Agent")
}

func (a *agents) told(version string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var problems []error
	for op, agent := range a.seen {
		if !strings.HasSuffix(agent, "/"+version) {
			problems = append(problems, fmt.Errorf("the User-Agent of %s is %q, without version %s", op, agent, version))
		}
	}
	if len(a.seen) < 2 {
		problems = append(problems, fmt.Errorf("no User-Agent seen of one plugin: %v", a.seen))
	}
	return errors.Join(problems...)
}

func logged(version, log string) error {
	if !strings.Contains(log, "started, version "+version+":") {
		return fmt.Errorf("version %s is not in the log:\n%s", version, log)
	}
	return nil
}
