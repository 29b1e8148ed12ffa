package route

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// The log groups that records choose are bounded for each logstore and chunk. The records
// beyond the bound lose what they chose, and keep the rest.
func TestLogGroupsOfRecordsAreBounded(t *testing.T) {
	r := configured(t, "logstore", "$l|logs", "topic", "$t|own", "source", "$s", "tags", "a=$t,b=$TAG,c=fix", "hash_key", "$t",
		"hash_buckets", "1", "max_log_groups", "3")
	for range 2 { // the same in each flush, whatever those before have met
		s := r.Begin("tag")
		route := func(logstore string, n any) Destination {
			return s.Route(event(t, "l", logstore, "t", fmt.Sprint(n), "s", fmt.Sprint("s", n)).Record).Destination
		}
		for range 2 { // again, what has had its place keeps it
			for i := range 3 {
				require.Equal(t, fmt.Sprint(i), route("one", i).Topic)
			}
		}
		one := route("one", 3)
		require.Equal(t, "one", one.Logstore)
		require.Empty(t, one.Topic)
		host, err := os.Hostname()
		require.NoError(t, err)
		require.Equal(t, host, one.Source)
		require.Equal(t, map[string]string{"b": "tag", "c": "fix"}, tagsOf(t, one))
		require.NotEmpty(t, one.HashKey, "of these there are hash_buckets at most")
		require.Equal(t, one, route("one", 4))
		require.Equal(t, "3", route("two", 3).Topic, "another logstore")
		require.Equal(t, "0", route("one", 0).Topic)
		require.EqualValues(t, 2, s.Capped())
		s.End()
	}
	require.EqualValues(t, 4, r.Stats().Capped)
}

// Only choices of records count.
func TestLogGroupsOfTagsAreNotBounded(t *testing.T) {
	r := configured(t, "topic", "$TAG", "hash_key", "$t", "max_log_groups", "1")
	s := r.Begin("tag")
	defer s.End()
	for i := range 100 {
		require.Equal(t, "tag", s.Route(event(t, "t", fmt.Sprint(i)).Record).Topic)
	}
	require.Zero(t, s.Capped())
}

// A destination that was closed to make room is no other one when it is met again.
func TestEvictedLogGroupIsCountedOnce(t *testing.T) {
	r := configured(t, "topic", "$t", "max_destinations", "16", "max_log_groups", "100")
	s := r.Begin("tag")
	defer s.End()
	for i := range 1000 {
		require.Equal(t, fmt.Sprint(i%100), s.Route(event(t, "t", fmt.Sprint(i%100)).Record).Topic)
	}
	require.Positive(t, s.evicted)
	require.Empty(t, s.Route(event(t, "t", "another").Record).Topic)
}

// Records cannot fill the memory with what is turned away, nor does it cost them anything.
func TestCappedRecordsKeepNothing(t *testing.T) {
	r := configured(t, "topic", "$t", "tags", "a=$t", "max_log_groups", "16")
	s := r.Begin("tag")
	defer s.End()
	events := make([][]byte, 200)
	for i := range events {
		events[i] = event(t, "t", fmt.Sprint("topic", i)).Record
		s.Route(events[i])
	}
	require.Len(t, s.known.byKey, 17)
	require.Zero(t, testing.AllocsPerRun(10, func() {
		for _, ev := range events {
			s.Route(ev)
		}
	}))
}
