package slsfake

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Append stores as a request does: routed by key, verified, read back by a pull.
func TestAppend(t *testing.T) {
	s, c := newServer(t, Config{MaxLogs: 2})
	high := "f" + strings.Repeat("0", 31)
	shard, first, err := s.Append("proj", "store", high, logGroup("a", "b"))
	require.NoError(t, err)
	require.Equal(t, 1, shard)
	require.Equal(t, s.Shards("proj", "store")[1].Begin, first)
	shard, second, err := s.Append("proj", "store", strings.ToUpper(high), logGroup("c"))
	require.NoError(t, err)
	require.Equal(t, 1, shard)
	require.Equal(t, first+1, second)
	require.Equal(t, []string{"a", "b", "c"}, c.values(c.pull(1, EncodeCursor(first), "&count=9", "")))
	require.Equal(t, high, s.Logs("proj", "store")[0].HashKey)
	_, _, err = s.Append("proj", "store", "", logGroup("d"))
	require.NoError(t, err)
	require.Equal(t, 4, s.LogCount("proj", "store"))
	require.Zero(t, s.Stats().Ops[OpPutLogs].Requests)

	for name, tc := range map[string]struct{ store, key, want string }{
		"logstore": {"none", "", "LogStoreNotExist"},
	} {
		_, _, err := s.Append("proj", tc.store, tc.key, logGroup("e"))
		require.ErrorContains(t, err, tc.want, name)
	}
	_, _, err = s.Append("proj", "store", "", logGroup("1", "2", "3"))
	require.ErrorContains(t, err, "PostBodyTooLarge")
}

// Each lease has its grant: to the first owner, to the next one once it is let go
// of, and to the same again after it was.
func TestGrantHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(t, Config{})
		c.createGroup(10, false)
		began := time.Now()
		require.Equal(t, []int{0, 1}, c.beat("a"))
		require.Equal(t, []int{0, 1}, c.beat("a", 0, 1), "renewed, not granted")
		<-time.After(time.Second)
		require.Equal(t, []int{0, 1}, c.beat("a", 0), "1 was let go of")
		<-time.After(10 * time.Second)
		require.Equal(t, []int{0, 1}, c.beat("b"), "a has expired")
		require.Equal(t, []Grant{
			{0, "a", began},
			{1, "a", began},
			{1, "a", began.Add(time.Second)},
			{0, "b", began.Add(11 * time.Second)},
			{1, "b", began.Add(11 * time.Second)},
		}, s.GrantHistory("proj", "store", "group"))
		require.Equal(t, 200, c.commit("b", 1, c.cursor(1, "begin"), false).status)
		require.Equal(t, began.Add(11*time.Second), s.CheckpointHistory("proj", "store", "group")[0].At)
		require.Empty(t, s.GrantHistory("proj", "store", "none"))
	})
}
