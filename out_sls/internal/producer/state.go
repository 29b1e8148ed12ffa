package producer

import (
	"fmt"

	"github.com/zeebo/xxh3"

	"fluent-bit-sls/out_sls/internal/journal"
	"fluent-bit-sls/out_sls/internal/route"
	"fluent-bit-sls/out_sls/internal/segment"
)

// journal says where what is delivered is remembered.
func (c *Config) journal(router *route.Router) journal.Config {
	return journal.Config{
		Folder: c.StatePath, Name: c.Instance, Size: int64(c.StateSize), Fingerprint: c.fingerprint(router),
	}
}

// StateFile is where the instance remembers what is delivered, "" if it does not. No two
// instances of a process may have the same.
func (c *Config) StateFile() string {
	if c.StatePath == "" {
		return ""
	}
	j := journal.Config{Folder: c.StatePath, Name: c.Instance}
	return j.Path()
}

// fingerprint is of everything that decides how a chunk is cut and its logs are encoded.
// What is remembered goes by the numbers of segments and logs: under another cutting they
// are others'.
func (c *Config) fingerprint(router *route.Router) uint64 {
	return xxh3.HashString(fmt.Sprintf("cutting %d\nbatch %d %d\npack %t\ncontent %+v\nroute %s",
		segment.CuttingVersion, c.BatchBytes, c.BatchCount, c.PackID, c.Content, router.Fingerprint()))
}
