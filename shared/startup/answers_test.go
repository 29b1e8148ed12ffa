package startup

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/slsfake"
)

var oneLog = sls.Body{Data: []byte("\x0a\x0a\x08\x01\x12\x06\x0a\x01k\x12\x01v"), RawSize: 12, Codec: sls.None}

// write writes a log to a logstore and lets a note the answer.
func (r *rig) write(t *testing.T, a *Answers, project, logstore string) {
	t.Helper()
	a.Note(project, logstore, r.client.Logstore(project, logstore).PutLogs(t.Context(), oneLog, ""))
}

// The first accepted records are logged once for each destination, and no call is made
// for it.
func TestTheFirstGoodAnswerIsLoggedOnce(t *testing.T) {
	r := newRig(t)
	r.cloud.CreateLogstore("proj", "web", 1)
	a := NewAnswers(r.check(t, Off))
	for range 3 {
		r.write(t, a, "proj", "app")
		r.write(t, a, "proj", "web")
	}
	require.Len(t, r.log.with("level=INFO", "proj/app has accepted its first records"), 1)
	require.Len(t, r.log.with("level=INFO", "proj/web has accepted its first records"), 1)
	require.Len(t, r.log.with(""), 2)
	require.Equal(t, 6, r.cloud.Stats().Total().Requests)
}

// The first answer that says what is wrong is logged in the check's sentence, once, and
// so is that it has been mended.
func TestTheFirstBadAnswerIsLoggedOnce(t *testing.T) {
	r := newRig(t)
	r.logstore = "ap"
	a := NewAnswers(r.check(t, Off))
	r.write(t, a, "proj", "ap")
	r.write(t, a, "proj", "ap")
	require.Len(t, r.log.with("level=WARN", `project \"proj\" has no logstore \"ap\"; check option logstore, or create the logstore`), 1)
	require.Len(t, r.log.with(""), 1)
	r.cloud.CreateLogstore("proj", "ap", 1)
	r.write(t, a, "proj", "ap")
	r.write(t, a, "proj", "ap")
	require.Len(t, r.log.with("level=INFO", "proj/ap has accepted its first records"), 1)
	require.Len(t, r.log.with(""), 2)
}

// A wrong key is wrong for all destinations, and a wrong clock for all of them.
func TestWhatIsWrongEverywhereIsLoggedOnce(t *testing.T) {
	r := newRig(t)
	r.cloud.CreateLogstore("proj", "web", 1)
	r.cloud.SetClockOffset(-90 * 60e9)
	a := NewAnswers(r.check(t, Off))
	r.cloud.RemoveKey(testKey)
	r.write(t, a, "proj", "app")
	r.write(t, a, "proj", "web")
	require.Len(t, r.log.with("level=WARN", "SLS does not know the access key id, or no longer; check option access_key_id"), 1)
	require.Len(t, r.log.with(""), 1)
	r.cloud.AddKey(testKey, testSecret, "")
	r.write(t, a, "proj", "app")
	r.write(t, a, "proj", "web")
	require.Len(t, r.log.with("level=WARN", "the clock of this host is 1h30m0s ahead of that of SLS"), 1)
	require.Len(t, r.log.with(""), 4)
}

// An answer that says nothing about the configuration is left to the log of failures.
func TestAnswersThatSayNothingOfTheConfiguration(t *testing.T) {
	for status, code := range map[int]string{403: "WriteQuotaExceed", 503: "ServerBusy", 400: "PostBodyInvalid"} {
		r := newRig(t)
		a := NewAnswers(r.check(t, Off))
		forget := r.cloud.Hook("", func(c *slsfake.Call) { c.Fail(status, code, "no") })
		r.write(t, a, "proj", "app")
		require.Empty(t, r.log.with(""), code)
		forget()
		r.write(t, a, "proj", "app")
		require.Len(t, r.log.with("proj/app has accepted its first records"), 1)
	}
	var r rig
	r.props = map[string]string{"endpoint": "h", "access_key_id": "k", "access_key_secret": "s"}
	r.project, r.logstore = "p", "l"
	NewAnswers(r.check(t, Off)).Note("p", "l", &sls.Error{Class: sls.ClassRetry, Err: context.Canceled})
	require.Empty(t, r.log.with(""), "ended by a shutdown")
}

// Destinations that records name are logged with what the options say about them, and
// only as many as fit into a log.
func TestDestinationsMadeOfRecords(t *testing.T) {
	r := newRig(t)
	a := NewAnswers(r.check(t, Off))
	r.write(t, a, "proj", "made-of-records")
	require.Empty(t, r.log.with(""), "no option names the logstore")
	r.refuse(http.StatusForbidden, "ProjectForbidden", "The project has been forbidden by admin")
	r.write(t, a, "proj", "made-of-records")
	require.Len(t, r.log.with("level=WARN", `project \"proj\" of option project is disabled`), 1)

	r = newRig(t)
	a = NewAnswers(r.check(t, Off))
	for n := range 3 * maxAnswers {
		a.Note("proj", fmt.Sprintf("made-%d", n), nil)
	}
	require.Len(t, r.log.with("has accepted its first records"), maxAnswers)
	require.Len(t, r.log.with("100 destinations have answered; of further ones only failures are logged"), 1)
	require.Len(t, r.log.with(""), maxAnswers+1)
	require.Len(t, a.heard, maxAnswers)
}
