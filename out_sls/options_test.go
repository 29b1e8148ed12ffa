package main

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/tests/declared"
)

func TestReadmeOptionTable(t *testing.T) {
	var c config
	declared.Options(t, "README.md", option.Output, c.options(), hints())
}

func TestOptionsThatAreGoneRefuseToStart(t *testing.T) {
	require.EqualError(t, option.Gone(option.Map{"time_ns": "off", "log_interval": "1s"}, gone()),
		"option log_interval: is no option any more; the same error is logged once in 30 s; "+
			"option time_ns: is no option any more; the nanoseconds of a log's time are always sent")
}

func TestExactlyOnceRefusesHashBuckets0(t *testing.T) {
	refusal := func(more option.Map) error {
		given := option.Map{"project": "pro", "logstore": "logs", "state_path": "/state", "exactly_once": "on"}
		maps.Copy(given, more)
		var c config
		_ = option.Parse(given, c.options()) // what it says of 0 alone is for other tests
		return c.bucketsOfOnce(given)
	}
	require.EqualError(t, refusal(option.Map{"hash_buckets": "0"}), `option exactly_once = "on": not with hash_buckets = "0": `+
		"each hash key would have numbers of its own, and SLS remembers those of 10,000 keys in a shard")
	require.NoError(t, refusal(option.Map{"hash_buckets": "8"}))
	require.NoError(t, refusal(nil))
	require.NoError(t, refusal(option.Map{"hash_buckets": "0", "exactly_once": "off"}))
}
