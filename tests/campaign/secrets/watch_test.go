package secrets

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/campaign/report"
	"fluent-bit-sls/tests/slsfake"
)

func TestWatch(t *testing.T) {
	var out bytes.Buffer
	keys := NewKeys(rand.New(rand.NewPCG(1, 2)))
	watch := NewWatch(&out, nil, keys)
	_, leaks := watch.Verdict()
	require.Zero(t, leaks)
	secret, token := keys[0].Secret, keys[1].Token
	header := func(name, value string) *slsfake.Call {
		return &slsfake.Call{Op: slsfake.OpPutLogs, Header: map[string][]string{name: {value}}}
	}
	watch.Line("agent 0", "signed as "+keys[1].ID+", and well")
	watch.Call(header("X-Acs-Security-Token", token))
	_, leaks = watch.Verdict()
	require.Zero(t, leaks)
	for n, leak := range []func(){
		func() { watch.Line("agent 0", "signed with "+secret) },
		func() { watch.Line("agent 0", "<"+token+">") },
		func() { watch.Call(header("User-Agent", "x/"+secret)) },
		func() { watch.Call(header("Authorization", "LOG "+token)) },
		func() { watch.Call(&slsfake.Call{Op: slsfake.OpHeartbeat, Body: []byte(secret)}) },
		func() { report.Say(watch, "stored "+secret) },
	} {
		leak()
		_, leaks := watch.Verdict()
		require.Equal(t, n+1, leaks)
	}
	require.Equal(t, 6, bytes.Count(out.Bytes(), []byte("FAILURE: ")))
	require.NotContains(t, out.String(), secret)
	require.NotContains(t, out.String(), token)
}
