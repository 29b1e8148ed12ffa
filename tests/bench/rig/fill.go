package rig

import (
	"context"
	"fmt"

	sdk "github.com/aliyun/aliyun-log-go-sdk"

	"fluent-bit-sls/shared/sls"
)

// fill writes to a new logstore without a network.
func (s *server) fill(ctx context.Context, f Fill) (Filled, error) {
	var filled Filled
	chunk, err := makeChunk(f.Set, ChunkSize)
	if err != nil {
		return filled, err
	}
	groups, err := Groups(chunk)
	if err != nil {
		return filled, err
	}
	s.sls.CreateLogstore(Project, f.Logstore, f.Shards)
	transport := s.sls.Transport()
	client, err := sls.New(sls.Config{
		Endpoint: "http://sls.bench", Transport: transport,
		Credentials: sdk.NewStaticCredentialsProvider(KeyID, KeySecret, ""),
	})
	if err != nil {
		return filled, err
	}
	defer client.Close()
	logs := client.Logstore(Project, f.Logstore)
	for _, g := range groups {
		body := sls.Body{Data: sls.Compress(sls.LZ4, nil, g), RawSize: len(g), Codec: sls.LZ4}
		for _, shard := range s.sls.Shards(Project, f.Logstore) {
			for range f.Copies {
				if err := logs.PutLogs(ctx, body, shard.BeginKey); err != nil {
					return filled, fmt.Errorf("fill shard %d: %w", shard.ID, err)
				}
				filled.RawBytes += int64(len(g))
			}
		}
	}
	filled.Records = int64(chunk.Records * f.Shards * f.Copies)
	return filled, nil
}

// DrainFill is what the two consumers of BenchmarkDrain read: enough that joining
// the group does not matter.
func DrainFill(set string) Fill {
	return Fill{Logstore: "drain-" + set, Set: set, Shards: Shards, Copies: 8}
}
