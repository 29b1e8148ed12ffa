package consumer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	// noGroup as consumer_group stands for reading without one.
	noGroup = "none"
	// allShards is every shard there is and will be.
	allShards = "all"
	// maxShards is far above what a logstore can have.
	maxShards = 10_000
	// maxLogstores is how many logstores of a pattern are read at once: several times the
	// 200 that SLS allows, because each takes some 100 KiB. The others wait.
	maxLogstores = 1000
)

// parseShards reads ids and ranges of ids; nil stands for all.
func parseShards(raw string) ([]int, error) {
	if strings.EqualFold(raw, allShards) || raw == "" {
		return nil, nil
	}
	var ids []int
	for item := range strings.SplitSeq(raw, ",") {
		from, to, ranged := strings.Cut(strings.TrimSpace(item), "-")
		if !ranged {
			to = from
		}
		first, err1 := strconv.ParseUint(from, 10, 31)
		last, err2 := strconv.ParseUint(to, 10, 31)
		switch {
		case err1 != nil || err2 != nil:
			return nil, fmt.Errorf("%q is neither a shard id nor a range of them", item)
		case first > last:
			return nil, fmt.Errorf("the range %q is the wrong way round", item)
		case last-first >= maxShards || len(ids) >= maxShards:
			return nil, fmt.Errorf("more than %d shards", maxShards)
		}
		for id := first; id <= last; id++ {
			ids = append(ids, int(id))
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func checkShards(raw string) error {
	_, err := parseShards(raw)
	return err
}
