package loggroup

import (
	"bytes"
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

// valueChunk is one event with one field, "k", given in msgpack as hex.
func valueChunk(t testing.TB, hexValue string) []byte {
	t.Helper()
	value, err := hex.DecodeString(strings.ReplaceAll(hexValue, " ", ""))
	require.NoError(t, err)
	w := newChunkWriter(t)
	w.newEvent(1, 2)
	w.buf.Write([]byte{0x81, 0xa1, 'k'})
	w.buf.Write(value)
	return w.buf.Bytes()
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	b, err := msgpack.Marshal(v)
	require.NoError(t, err)
	return hex.EncodeToString(b)
}

func TestReaderValues(t *testing.T) {
	deep := strings.Repeat("91", 70) + "01"
	cases := []struct{ name, value, want string }{
		{"string", encoded(t, "GET /"), "GET /"},
		{"empty string", "a0", ""},
		{"str 8", "d9 01 61", "a"},
		{"str 16", "da 0001 61", "a"},
		{"str 32", "db 00000001 61", "a"},
		{"UTF-8", encoded(t, "日志 é 🙂"), "日志 é 🙂"},
		{"invalid byte", "a3 61ff62", "a\uFFFDb"},
		{"run of invalid bytes is one", "a4 61fffe62", "a\uFFFDb"},
		{"cut-off rune", "a4 61e697 62", "a\uFFFDb"},
		{"surrogate", "a3 eda080", "\uFFFD"},
		{"overlong", "a2 c080", "\uFFFD"},
		{"GBK", "a4 c8d5d6be", "\uFFFD\u05be"},
		{"zero byte", "a1 00", "\x00"},
		{"bin is text", "c4 03 616263", "abc"},
		{"bin 16", "c5 0001 61", "a"},
		{"bin 32, no UTF-8, is base64", "c6 00000002 ff61", "/2E="},
		{"nil", "c0", "null"},
		{"true", "c3", "true"},
		{"false", "c2", "false"},
		{"fixint", "7f", "127"},
		{"negative fixint", "ff", "-1"},
		{"uint 8", "cc ff", "255"},
		{"uint 16", "cd ffff", "65535"},
		{"uint 32", "ce ffffffff", "4294967295"},
		{"uint 64", "cf ffffffffffffffff", "18446744073709551615"},
		{"int 8", "d0 80", "-128"},
		{"int 16", "d1 8000", "-32768"},
		{"int 32", "d2 80000000", "-2147483648"},
		{"int 64", "d3 8000000000000000", "-9223372036854775808"},
		{"int 64 positive", "d3 0000000000000001", "1"},
		{"float64", encoded(t, 0.1), "0.1"},
		{"float64 whole", encoded(t, 3.0), "3"},
		{"float64 time", encoded(t, 1700000000.123), "1700000000.123"},
		{"float64 small", encoded(t, 1e-7), "1e-7"},
		{"float64 1e-6", encoded(t, 1e-6), "0.000001"},
		{"float64 1e20", encoded(t, 1e20), "100000000000000000000"},
		{"float64 1e21", encoded(t, 1e21), "1e+21"},
		{"float64 largest", encoded(t, math.MaxFloat64), "1.7976931348623157e+308"},
		{"float64 smallest", encoded(t, math.SmallestNonzeroFloat64), "5e-324"},
		{"float64 minus zero", "cb 8000000000000000", "-0"},
		{"float32", encoded(t, float32(0.1)), "0.1"},
		{"float32 1e21", encoded(t, float32(1e21)), "1e+21"},
		{"float32 1e-6", encoded(t, float32(1e-6)), "0.000001"},
		{"float32 1e-7", encoded(t, float32(1e-7)), "1e-7"},
		{"NaN", encoded(t, math.NaN()), "NaN"},
		{"Infinity", encoded(t, math.Inf(1)), "Infinity"},
		{"-Infinity", encoded(t, float32(math.Inf(-1))), "-Infinity"},
		{"EventTime", "d7 00 6553f100 075bcd15", "2023-11-14T22:13:20.123456789Z"},
		{"EventTime as ext 8", "c7 08 00 6553f100 00000000", "2023-11-14T22:13:20Z"},
		{"EventTime of too many nanoseconds", "d7 00 6553f100 3b9aca00", "ext(0):6553f1003b9aca00"},
		{"timestamp 32", "d6 ff 6553f100", "2023-11-14T22:13:20Z"},
		{"timestamp 64", "d7 ff 00000004 6553f100", "2023-11-14T22:13:20.000000001Z"},
		{"timestamp 96", "c7 0c ff 00000001 ffffffffffffffff", "1969-12-31T23:59:59.000000001Z"},
		{"timestamp 96, year 10000", "c7 0c ff 00000000 0000003afff44180", "ext(-1):000000000000003afff44180"},
		{"ext", "d5 05 0aff", "ext(5):0aff"},
		{"ext 16", "c8 0001 81 ff", "ext(-127):ff"},
		{"ext 32, empty", "c9 00000000 07", "ext(7):"},
		{"array", "93 01 a161 c0", `[1,"a",null]`},
		{"empty array", "90", "[]"},
		{"array 16 and 32", "dc 0001 dd 00000001 c3", "[[true]]"},
		{"empty map", "80", "{}"},
		{"map 16 and 32", "de 0001 a161 df 00000001 a162 02", `{"a":{"b":2}}`},
		{"JSON escapes", "91 a9 225c0a0d09080c012f", `["\"\\\n\r\t\b\f\u0001/"]`},
		{"JSON leaves HTML", "91 a3 3c3e26", `["<>&"]`},
		{"JSON UTF-8", "91 a4 e697a5 7f", "[\"日\x7f\"]"},
		{"JSON invalid UTF-8", "91 a7 6122fffe220a61", `["a\"` + "\uFFFD" + `\"\na"]`},
		{"JSON bin", "91 c4 02 6122", `["a\""]`},
		{"JSON floats", "93 cb3fe0000000000000 ca7fc00000 cbfff0000000000000", `[0.5,"NaN","-Infinity"]`},
		{"JSON ext", "91 d5 05 0aff", `["ext(5):0aff"]`},
		{"JSON duplicate keys", "82 a161 01 a161 02", `{"a":1,"a":2}`},
		{
			"JSON keys of other types", "85 01 01 c0 01 c3 01 cb3fe0000000000000 01 c4016b 01",
			`{"1":1,"null":1,"true":1,"0.5":1,"k":1}`,
		},
		{"JSON array as key", "81 92 01 a161 02", `{"[1,\"a\"]":2}`},
		{"JSON map as key in a key", "81 81 81 01 02 03 04", `{"{\"...\":3}":4}`},
		{"too deep", deep, strings.Repeat("[", 64) + `"..."` + strings.Repeat("]", 64)},
		{"just deep enough", strings.Repeat("91", 64) + "01", strings.Repeat("[", 64) + "1" + strings.Repeat("]", 64)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			// With and without bytes behind it: the steady path needs some.
			chunk := valueChunk(t, c.value)
			for _, chunk := range [][]byte{chunk, append(bytes.Clone(chunk), chunk...)} {
				logs, err := logsOf(t, chunk, EncodeOptions{})
				require.NoError(t, err)
				for _, log := range logs {
					require.Len(t, log.Contents, 1)
					require.Equal(t, c.want, log.Contents[0].GetValue())
				}
				requireOracle(t, chunk, EncodeOptions{})
			}
		})
	}
}

func TestReaderKeys(t *testing.T) {
	w := newChunkWriter(t)
	w.newEvent(1, 2)
	require.NoError(t, w.enc.EncodeMapLen(8))
	for _, key := range []any{"k", "k", 7, nil, true, 1.5, []byte{0xff}, []any{1, "a"}} {
		w.value(key)
		w.value("v")
	}
	logs, err := logsOf(t, w.buf.Bytes(), EncodeOptions{})
	require.NoError(t, err)
	var keys []string
	for _, c := range logs[0].Contents {
		keys = append(keys, c.GetKey())
	}
	require.Equal(t, []string{"k", "k", "7", "null", "true", "1.5", "/w==", `[1,"a"]`}, keys)
	requireOracle(t, w.buf.Bytes(), EncodeOptions{})
}

// Bytes that are no text are base64, those of OpenTelemetry's ids hexadecimal, wherever
// they stand. What is text, or of another size, is no id.
func TestReaderBinary(t *testing.T) {
	trace := []byte("\x5b\x8e\xff\xf7\x98\x03\x81\x03\xd2\x69\xb6\x33\x81\x3f\xc6\x0c")
	span := []byte("\xee\xe1\x9b\x7e\xc3\xc1\xb1\x74")
	const traceHex, spanHex = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"
	otlp := map[string]any{"trace_id": trace, "span_id": span, "body": []byte{0xff, 0}}
	chunk := eventOf(t, packed(t, "otlp", otlp), packed(t,
		"trace_id", trace, "span_id", span, "text", []byte("0123456789abcdef"), "raw", trace, "list", []any{span, []byte("text\n")},
		"a", map[string]any{"b": map[string]any{"span_id": span, "trace_id": span}}))
	for _, c := range []struct {
		o    ContentOptions
		want []string
	}{
		{ContentOptions{Metadata: true}, []string{
			"trace_id=" + traceHex, "span_id=" + spanHex, "text=0123456789abcdef", "raw=W47/95gDgQPSabYzgT/GDA==",
			`list=["7uGbfsPBsXQ=","text\n"]`, `a={"b":{"span_id":"` + spanHex + `","trace_id":"7uGbfsPBsXQ="}}`,
			`__metadata__.otlp={"body":"/wA=","span_id":"` + spanHex + `","trace_id":"` + traceHex + `"}`,
		}},
		{ContentOptions{Metadata: true, Flatten: true, Separator: ".", IncludeKeys: [][]string{{"a"}}}, []string{
			"a.b.span_id=" + spanHex, "a.b.trace_id=7uGbfsPBsXQ=",
			"__metadata__.otlp.body=/wA=", "__metadata__.otlp.span_id=" + spanHex, "__metadata__.otlp.trace_id=" + traceHex,
		}},
		{ContentOptions{IncludeKeys: [][]string{{"a", "b", "span_id"}}}, []string{`a={"b":{"span_id":"` + spanHex + `"}}`}},
		{ContentOptions{LogKey: []string{"trace_id"}}, []string{"trace_id=" + traceHex}},
	} {
		require.Equal(t, strings.Join(c.want, " "), chosen(t, chunk, EncodeOptions{}, c.o)[0])
		requireChosen(t, chunk, EncodeOptions{}, c.o)
	}
	// An id that happens to be text is an id.
	require.Equal(t, []string{"trace_id=30313233343536373839616263646566 span_id=01234567"},
		chosen(t, eventOf(t, []byte{0x80}, packed(t, "trace_id", []byte("0123456789abcdef"), "span_id", "01234567")), EncodeOptions{}, ContentOptions{}))
	require.Equal(t, `{"trace_id":"`+traceHex+`"}`, string(AppendJSON(nil, packed(t, "trace_id", trace))))
}
