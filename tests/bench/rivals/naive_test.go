package rivals

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/fluent/fluent-bit-go/output"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/bench/rig"
)

func dialer(endpoint string) func(context.Context, string, string) (net.Conn, error) {
	address := strings.TrimPrefix(endpoint, "http://")
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}
}

// decode reads a chunk with fluent-bit-go's decoder into the SDK's structs, as
// plugins written with the two do: everything grows by append, for the decoder
// does not tell how much will come. No value takes a detour by reflection.
func decode(chunk rig.Chunk) []*sdk.Log {
	var logs []*sdk.Log
	dec := output.NewDecoder(unsafe.Pointer(unsafe.SliceData(chunk.Bytes)), len(chunk.Bytes))
	for {
		ret, stamp, record := output.GetRecord(dec)
		if ret != 0 {
			return logs
		}
		log := &sdk.Log{}
		if t, ok := stamp.(output.FLBTime); ok {
			log.Time = proto.Uint32(uint32(t.Unix()))
			log.TimeNs = proto.Uint32(uint32(t.Nanosecond()))
		}
		for k, v := range record {
			log.Contents = append(log.Contents, &sdk.LogContent{Key: proto.String(text(k)), Value: proto.String(text(v))})
		}
		logs = append(logs, log)
	}
}

// text is a value as SLS takes it.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case map[any]any:
		b, err := json.Marshal(plain(v))
		if err != nil {
			return err.Error()
		}
		return string(b)
	default:
		return fmt.Sprint(v)
	}
}

// plain makes a value fit for encoding/json.
func plain(v any) any {
	switch v := v.(type) {
	case []byte:
		return string(v)
	case map[any]any:
		m := make(map[string]any, len(v))
		for k, value := range v {
			m[text(k)] = plain(value)
		}
		return m
	default:
		return v
	}
}

// sign is what the SDK's client does with a body before it goes out.
func sign(body []byte, rawSize int) error {
	headers := map[string]string{
		"x-log-apiversion":   "0.6.0",
		"x-log-bodyrawsize":  strconv.Itoa(rawSize),
		"x-log-compresstype": "lz4",
		"Content-Type":       "application/x-protobuf",
		"User-Agent":         "rival",
		"Host":               strings.TrimPrefix(rig.Endpoint, "http://"),
		"x-log-date":         time.Now().UTC().Format(sdk.ISO8601),
	}
	return sdk.NewSignerV4(rig.KeyID, rig.KeySecret, rig.Region).Sign("POST", "/logstores/"+rig.Written, headers, body)
}

// BenchmarkEncode is a chunk's way to a signed request over fluent-bit-go's
// decoder, the SDK's structs, proto.Marshal and the same lz4 and signer. It is the
// rival of the engine's benchmark of the same name. What it leaves to the
// collector counts, wherever that runs, as it does in a plugin.
func BenchmarkEncode(b *testing.B) {
	for _, set := range rig.Sets(b, rig.ChunkSize) {
		b.Run(set.Name+"/naive", func(b *testing.B) {
			require.Len(b, decode(set), set.Records)
			for b.Loop() {
				rig.CPUEach(b, 10, rig.Work{Do: func() {
					group := &sdk.LogGroup{Logs: decode(set), Topic: proto.String("access"), Source: proto.String("10.0.0.1")}
					raw, err := proto.Marshal(group)
					require.NoError(b, err)
					body := sls.Compress(sls.LZ4, nil, raw) // a new buffer each time, as the SDK
					require.NoError(b, sign(body, len(raw)))
				}})
			}
		})
	}
}
