package startup

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/tests/slsfake"
)

func TestRightConfiguration(t *testing.T) {
	for _, version := range []string{"v1", "v4"} {
		r := newRig(t)
		r.props["sign_version"], r.props["region"] = version, "cn-test"
		require.NoError(t, r.check(t, Fail).Require())
		require.Len(t, r.log.with("level=INFO", "startup_check: proj/app can be written to"), 1)
		require.Zero(t, r.cloud.LogCount("proj", "app"))
		require.Equal(t, 1, r.cloud.Stats().Total().Requests, "one call")
	}
}

// A key that may do nothing but write is enough, and being throttled is no mistake.
func TestOnlyTheRightToWriteIsNeeded(t *testing.T) {
	r := newRig(t)
	r.cloud.Hook("", func(c *slsfake.Call) {
		if c.Op != slsfake.OpPutLogs {
			c.Fail(http.StatusUnauthorized, "Unauthorized", "denied by sts or ram, action: log:Any, resource: acs:log:r:1:project/proj")
		}
	})
	require.Empty(t, r.findings(t))
	r = newRig(t)
	r.refuse(http.StatusForbidden, "WriteQuotaExceed", "Write QPS Exceed")
	require.Empty(t, r.findings(t))
}

func TestModes(t *testing.T) {
	wrong := func(t *testing.T) *rig {
		r := newRig(t)
		r.logstore = "ap"
		return r
	}
	t.Run(Off, func(t *testing.T) {
		r := wrong(t)
		check := r.check(t, Off)
		check.Targets[0].Call = func(context.Context) error {
			t.Error("a call")
			return nil
		}
		require.NoError(t, check.Require())
		check.Watch()() // which waits for the end of whatever there is
		require.Empty(t, r.log.with(""))
	})
	t.Run(Fail, func(t *testing.T) {
		r := wrong(t)
		r.cloud.SetClockOffset(-time.Hour)
		check := r.check(t, Fail)
		problems := option.Problems(check.Require())
		require.Len(t, problems, 2, "all of them")
		require.Contains(t, problems[0], `startup_check: project "proj" has no logstore "ap"`)
		require.Contains(t, problems[1], "startup_check: the clock of this host is 1h0m0s ahead of that of SLS")
		check.Watch()()
		require.Empty(t, r.log.with(""), "it is for the caller to say")
	})
	t.Run(Warn, func(t *testing.T) {
		r := wrong(t)
		r.log.wrote = make(chan struct{})
		check := r.check(t, Warn)
		require.NoError(t, check.Require())
		stop := check.Watch()
		<-r.log.wrote
		stop()
		require.Len(t, r.log.with("level=WARN", "startup_check: project", "has no logstore"), 1)
	})
}

// The check neither delays the start nor outlives the section, nor takes for ever.
func TestTheCheckIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		r := &rig{project: "p", logstore: "l", named: true, props: option.Map{"endpoint": "h", "access_key_id": "k", "access_key_secret": "s"}}
		check := r.check(t, Warn)
		check.Targets[0].Call = hang
		began := time.Now()
		stop := check.Watch()
		stop()
		require.Zero(t, time.Since(began))
		require.Empty(t, r.log.with(""), "stopped: what failed, failed for that")

		check.Mode = Fail
		require.Error(t, check.Require())
		require.Equal(t, Timeout, time.Since(began))

		check.Mode = Warn
		stop = check.Watch()
		<-time.After(Timeout)
		synctest.Wait()
		require.Len(t, r.log.with("level=WARN", "cannot tell yet whether p/l can be written to"), 1)
		stop()
	})
}

// Names that records make are not complained about, names in options are.
func TestNamesMadeOfRecords(t *testing.T) {
	r := newRig(t)
	r.logstore, r.named = "k8s-misc", false
	require.Empty(t, r.findings(t))
	require.Len(t, r.log.with("level=INFO", "startup_check: endpoint and access key are right; proj/k8s-misc, made of records, cannot be written to"), 1)
	r.refuse(http.StatusUnauthorized, "Unauthorized", "denied by sts or ram, action: log:PostLogStoreLogs, resource: acs:log:cn:1:project/proj/logstore/k8s-misc")
	require.Empty(t, r.findings(t))

	r = newRig(t)
	r.named = false
	check := r.check(t, Fail)
	check.Targets[0].ProjectOption, check.Targets[0].Call = "default_project", r.absent
	require.Equal(t, []string{`there is no project "proj" at ` + r.endpoint + `; check option default_project, and that option endpoint is that of the project's region`},
		check.run(context.Background()))
}

// absent is a call to a project that is not there.
func (r *rig) absent(ctx context.Context) error {
	return r.client.Logstore("nowhere", r.logstore).CheckWrite(ctx)
}

// Several destinations: what is wrong with all of them is said once.
func TestSeveralDestinations(t *testing.T) {
	r := newRig(t)
	check := r.check(t, Fail)
	other := check.Targets[0]
	other.Logstore, other.Call = "web", check.Client.Logstore("proj", "web").CheckWrite
	check.Targets = append(check.Targets, other)
	require.Equal(t, []string{`project "proj" has no logstore "web"; check option logstore, or create the logstore`}, check.run(context.Background()))
	require.Len(t, r.log.with("proj/app can be written to"), 1)
	r.cloud.RemoveKey(testKey)
	require.Equal(t, []string{"SLS does not know the access key id, or no longer; check option access_key_id"}, check.run(context.Background()))
}

func TestErrorsOfOthers(t *testing.T) {
	r := newRig(t)
	check := r.check(t, Fail)
	check.Targets[0].Call = func(context.Context) error { return errors.New("odd") }
	require.Equal(t, []string{"cannot tell yet whether proj/app can be written to: odd"}, check.run(context.Background()))
	check.Targets = nil
	require.NoError(t, check.Require())
}

func TestNamesAreLogged(t *testing.T) {
	var r rig
	var size option.Size
	opts := []option.Option{{Name: "batch", Dst: &size}}
	hints := []option.Hint{{Names: []string{"lump"}, Meant: "batch"}}
	Names(option.Map{"Lump": "1"}, option.Output, opts, hints, r.logger())
	require.Len(t, r.log.with("level=WARN", "`lump` is not an option: did you mean `batch`?"), 1)
}
