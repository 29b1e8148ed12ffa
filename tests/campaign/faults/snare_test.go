package faults

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

func caught(s *Snare) bool {
	select {
	case <-s.Caught():
		return true
	default:
		return false
	}
}

// A snare lets so many requests of its key pass, then it kills at its moment.
func TestSnare(t *testing.T) {
	f := NewInjector(nil, nil, nil)
	call := &slsfake.Call{AccessKeyID: "key", RequestID: "7"}
	s := f.Lay("key", Arrived, 1)
	require.False(t, f.spring(call))
	require.False(t, f.spring(&slsfake.Call{AccessKeyID: "other"}))
	require.True(t, f.spring(call))
	require.True(t, caught(s))
	require.False(t, f.spring(call), "once")

	s = f.Lay("key", Answered, 0)
	require.False(t, f.spring(call))
	f.AnswerGiven("6")
	require.False(t, caught(s))
	f.AnswerGiven("7")
	require.True(t, caught(s))

	s = f.Lay("key", Acked, 1)
	require.False(t, f.spring(call))
	require.False(t, f.Ack("key"))
	require.True(t, f.Ack("key"))
	require.True(t, caught(s))
	f.TakeUp("key")
	require.False(t, f.Ack("key"))
}

func TestNumbersThatCameBefore(t *testing.T) {
	f := NewInjector(nil, nil, nil)
	call := slsfake.Call{Logstore: "a", HashKey: "k", SequenceID: "1"}
	require.False(t, f.cameBefore(&call))
	require.True(t, f.cameBefore(&call))
	call.SequenceID = "2"
	require.False(t, f.cameBefore(&call))
	call.SequenceID = ""
	require.False(t, f.cameBefore(&call))
	require.False(t, f.cameBefore(&call))
}
