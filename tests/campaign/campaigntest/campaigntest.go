// Package campaigntest is for the tests of the campaign: a built host, and a plan of a
// moment.
package campaigntest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"fluent-bit-sls/tests/campaign/plan"
	"fluent-bit-sls/tests/flbhost"
)

// hostBin is a built flbhost, for every test.
var hostBin string

// Main is the TestMain of packages whose tests start hosts.
func Main(m *testing.M) {
	dir, err := os.MkdirTemp("", "sls-campaign-test-")
	if err == nil {
		hostBin, err = flbhost.Build(context.Background(), dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// Root is the project's folder.
func Root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			err = errors.New("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	t.Fatal(err)
	return ""
}

// Small is the plan of a moment, against plugins that `make test` builds, and what the
// campaign prints.
func Small(t *testing.T) (plan.Plan, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	build := filepath.Join(Root(t), "build")
	return plan.Plan{
		Seed: 11, Time: time.Second, OutSo: filepath.Join(build, "out_sls.so"), InSo: filepath.Join(build, "in_sls.so"),
		Dir: t.TempDir(), Out: &out, Quiet: true, HostBin: hostBin,
	}, &out
}
