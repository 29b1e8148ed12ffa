package rig

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"fluent-bit-sls/shared/loggroup"
)

// LogsPerGroup is the size of the log groups that are read, in logs.
const LogsPerGroup = 500

// Groups returns the records of a chunk as the LogGroup messages in which SLS
// stores them.
func Groups(c Chunk) ([][]byte, error) {
	var groups [][]byte
	var r loggroup.Reader
	r.Reset(c.Bytes, loggroup.EncodeOptions{})
	for done := 0; done < c.Records; {
		var group []byte
		n := min(LogsPerGroup, c.Records-done)
		for range n {
			var err error
			if group, err = r.Next(group); err != nil {
				return nil, fmt.Errorf("encode a chunk of %s: %w", c.Name, err)
			}
		}
		done += n
		groups = append(groups, loggroup.AppendGroupFields(group, "access", "10.0.0.1",
			[]loggroup.Tag{{Key: "__pack_id__", Value: "5F1A-2"}, {Key: "host", Value: "web-1"}}))
	}
	return groups, nil
}

// GroupList returns the records of a chunk as the LogGroupList of a pull.
func GroupList(c Chunk) ([]byte, error) {
	groups, err := Groups(c)
	var list []byte
	for _, g := range groups {
		list = protowire.AppendBytes(protowire.AppendTag(list, 1, protowire.BytesType), g)
	}
	return list, err
}
