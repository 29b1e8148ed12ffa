package slsfake

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// accessGroup is a group of n logs of ten fields.
func accessGroup(n int) []byte {
	var b []byte
	for i := range n {
		var parts [][]byte
		parts = append(parts, varint(1, 1700000000))
		for k := range 10 {
			parts = append(parts, pair(2, fmt.Sprint("field", k), fmt.Sprint("value of some length ", i, k)))
		}
		b = append(b, field(1, parts...)...)
	}
	return b
}

// Verification must not allocate: campaigns push millions of logs through it.
func TestVerifyDoesNotAllocate(t *testing.T) {
	g := accessGroup(100)
	require.Zero(t, testing.AllocsPerRun(20, func() {
		if _, err := verifyGroup(g, groupLimits{maxLogs: 40960, maxLogSize: 1 << 20}); err != nil {
			t.Error(err)
		}
	}))
}

func BenchmarkVerifyGroup(b *testing.B) {
	g := accessGroup(1000)
	b.SetBytes(int64(len(g)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := verifyGroup(g, groupLimits{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPutLogs is a whole write, signed by the SDK, over either network.
func BenchmarkPutLogs(b *testing.B) {
	raw := accessGroup(4000)
	for _, network := range []string{"pipe", "loopback"} {
		b.Run(network, func(b *testing.B) {
			s := New(Config{})
			defer s.Close()
			s.CreateLogstore("proj", "store", 2)
			tr := s.Transport()
			if network == "loopback" {
				url, err := s.Listen("127.0.0.1:0")
				if err != nil {
					b.Fatal(err)
				}
				tr = &http.Transport{DialContext: dialTo(url[len("http://"):])}
			}
			defer tr.CloseIdleConnections()
			c := &client{
				s: s, hc: &http.Client{Transport: tr}, id: "testkey", secret: "testsecret", host: "proj.emu.local",
			}
			q := putReq("/logstores/store", raw, "lz4")
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if res, err := c.try(q); err != nil || res.status != 200 {
					b.Fatal(err, res.status)
				}
				if i%100 == 99 {
					s.CreateLogstore("proj", "store", 2) // what is measured is not the memory of it all
				}
			}
		})
	}
}
