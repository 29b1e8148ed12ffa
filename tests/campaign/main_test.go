package main

import (
	"bytes"
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/campaign/campaigntest"
	"fluent-bit-sls/tests/campaign/input"
	"fluent-bit-sls/tests/campaign/secrets"
)

// A campaign against all sides finds nothing, ends with its line, and prints no
// secret, nor does any host.
func TestSmallCampaign(t *testing.T) {
	t.Parallel()
	c, out := campaigntest.Small(t)
	c.OutSo, c.InSo = filepath.Join(campaigntest.Root(t), "build", "race", "out_sls.so"), filepath.Join(campaigntest.Root(t), "build", "race", "in_sls.so")
	c.Time = 3 * time.Second
	var transcript bytes.Buffer
	c.Transcript = &transcript
	err := run(t.Context(), c, "all", "")
	require.NoError(t, err, out)
	t.Log(out)
	require.Contains(t, out.String(), "seed 11\n")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	last := regexp.MustCompile(`^campaign: sent (\d+), stored (\d+), lost 0, duplicated (\d+), ambiguous (\d+), seed 11$`)
	m := last.FindStringSubmatch(lines[len(lines)-1])
	require.NotNil(t, m, out)
	require.Greater(t, len(m[1]), 3, "at least a thousand records: %s", m[0])
	for i, checkpoint := range []string{input.ByHandoff, input.ByDelivery} {
		last := regexp.MustCompile(`^campaign input ` + checkpoint + `: written (\d+), handed over (\d+), lost 0, duplicated (\d+) ` +
			`\(at most (\d+) uncommitted\), order violations 0, double owners 0, seed 11$`)
		m := last.FindStringSubmatch(lines[len(lines)-3+i])
		require.NotNil(t, m, out)
		require.Greater(t, len(m[1]), 3, "at least a thousand records: %s", m[0])
	}
	require.Contains(t, transcript.String(), "access_key_secret=***")
	for _, k := range secrets.NewKeys(c.Stream("keys")) {
		for _, printed := range []string{out.String(), transcript.String()} {
			require.NotContains(t, printed, k.Secret)
			require.True(t, k.Token == "" || !strings.Contains(printed, k.Token))
		}
	}
}

// An output that remembers is attacked by itself, and its memory, too.
func TestSmallCampaignAgainstAMemory(t *testing.T) {
	for side, battered := range map[string]string{"state": `\d{4,}`, "exactly_once": `\d{4,}`, "splits": `\d{4,}`, "overflow": "0"} {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			c, out := campaigntest.Small(t)
			c.Time = 3 * time.Second
			require.NoError(t, run(t.Context(), c, side, ""), out)
			require.Regexp(t, `\nbattered: .* sent `+battered+`, stored \d+, lost 0, duplicated \d+\n`, out)
			require.Regexp(t, `\ncampaign `+side+`: sent \d{3,}, stored \d+, lost 0, duplicated \d+, (ambiguous \d+, )?seed 11\n$`, out)
		})
	}
}

func TestUnknownSide(t *testing.T) {
	c, _ := campaigntest.Small(t)
	require.ErrorContains(t, run(t.Context(), c, "sideways", ""), "sideways")
}

func TestMissingPluginIsNamed(t *testing.T) {
	c, _ := campaigntest.Small(t)
	c.OutSo = "nowhere.so"
	err := run(t.Context(), c, "out", "")
	require.ErrorContains(t, err, "make build")
	require.False(t, errors.Is(err, errFound))
}

func TestMain(m *testing.M) { campaigntest.Main(m) }
