package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

// Whoever can write a record, here by the forward protocol, writes a record: not the
// topic, tags or time of its log, and no attributes of the logs behind it.
func TestForwardedRecordsAreOnlyRecords(t *testing.T) {
	for _, f := range realHosts() {
		t.Run(f.Name(), func(t *testing.T) {
			c := newCloud(t, 1)
			port := freePort(t)
			e, err := f.start(t.Context(), pipeline(plugins.Out,
				section{"name": "forward", "listen": "127.0.0.1", "port": port},
				section(with(c.props("topic", "of the section"), map[string]string{"name": "sls", "match": "*", "workers": "2", "metadata": "on"}))))
			require.NoError(t, err)
			defer func() { _ = e.Kill() }()
			record := map[string]string{"n": "0", "__topic__": "forged", "__tag__:namespace": "forged", "__time__": "7"}
			forward(t, port,
				forwarded{1_700_000_000, record},
				forwarded{0xffffffff, map[string]string{"n": "1", "secret": "of one"}}, // the second of a group's start
				forwarded{1_700_000_000, map[string]string{"n": "2"}},
				forwarded{0xfffffffe, map[string]string{"n": "3"}}) // and of its end
			c.awaitStored(t, 4)
			stop(t, e.Stop)
			require.Equal(t, []string{"0", "1", "2", "3"}, c.contents(logstore, "n"))
			var got []string
			for l := range c.EachLog(project, logstore) {
				require.Equal(t, "of the section", l.Topic)
				require.Empty(t, l.Tags)
				var keys []string
				for _, content := range l.Contents {
					keys = append(keys, content.Key)
				}
				slices.Sort(keys)
				got = append(got, fmt.Sprint(l.Time, keys))
			}
			require.Equal(t, []string{
				"1700000000 [__record__.__tag__:namespace __record__.__time__ __record__.__topic__ n]",
				"4294967293 [n secret]", "1700000000 [n]", "4294967293 [n]",
			}, got)
			require.Empty(t, grep(e.Log(), "[error]"), e.Log())
		})
	}
}

// forwarded is an event as the forward protocol has it.
type forwarded struct {
	sec    uint32 // Fluent Bit itself refuses the two seconds above with nanoseconds, in 5.1
	record map[string]string
}

// forward sends events in one message: [tag, [[time, record], ...]].
func forward(t *testing.T, port string, events ...forwarded) {
	t.Helper()
	var b bytes.Buffer
	enc := msgpack.NewEncoder(&b)
	require.NoError(t, enc.EncodeArrayLen(2))
	require.NoError(t, enc.EncodeString("pod"))
	require.NoError(t, enc.EncodeArrayLen(len(events)))
	for _, e := range events {
		require.NoError(t, enc.EncodeArrayLen(2))
		b.Write(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte{0xd7, 0}, e.sec), 0))
		require.NoError(t, enc.Encode(e.record))
	}
	poll(t, "forward", func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", "127.0.0.1:"+port)
		if err != nil {
			return false
		}
		_, err = conn.Write(b.Bytes())
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		return true
	})
}
