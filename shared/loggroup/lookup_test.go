package loggroup

import (
	"bytes"
	"cmp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

// oracleLookup is Lookup on a tree. Its value is only there when all of the
// first value of record can be read.
func oracleLookup(record []byte, path []Step) (value node, ok bool) {
	n, err := oracleNode(msgpack.NewDecoder(bytes.NewReader(record)))
	if err != nil {
		return node{}, false
	}
	for _, s := range path {
		var next *node
		for i := 0; n.kind == kindMap && !s.IsIndex && i < len(n.items); i += 2 {
			if k := n.items[i]; k.kind == kindStr && string(k.data) == s.Key {
				next = &n.items[i+1]
			}
		}
		if n.kind == kindArray && s.IsIndex && s.Index >= 0 && s.Index < len(n.items) {
			next = &n.items[s.Index]
		}
		if next == nil {
			return node{}, false
		}
		n = *next
	}
	return n, true
}

// requireLookup compares Lookup with the oracle on copies of record: one with no byte to
// spare, one with other bytes behind it.
func requireLookup(t *testing.T, record []byte, path ...Step) {
	t.Helper()
	want, wantOK := oracleLookup(record, path)
	for _, behind := range []string{"", strings.Repeat("k", 300)} {
		record := append(bytes.Clone(record), behind...)[:len(record)]
		if behind == "" {
			record = record[:len(record):len(record)]
		}
		got, ok := Lookup(record, path)
		require.Equal(t, wantOK, ok)
		if !ok {
			require.Empty(t, got)
			continue
		}
		require.Equal(t, len(got), cap(got), "a window that could grow over its neighbour")
		require.Equal(t, want.kind == kindNil, IsNil(got))
		keyed := ""
		if len(path) > 0 {
			keyed = path[len(path)-1].Key
		}
		text, err := AppendText([]byte("before "), keyed, got)
		require.NoError(t, err)
		require.Equal(t, "before "+cmp.Or(oracleID(node{kind: kindStr, data: []byte(keyed)}, want), oracleText(want)), string(text))
	}
}

func key(k string) Step { return Step{Key: k} }
func index(i int) Step  { return Step{Index: i, IsIndex: true} }

func TestLookup(t *testing.T) {
	record := packed(t,
		"s", "text", "dup", "first", "dup", "last", "nil", nil, "n", -7, "f", 1.5,
		"long", strings.Repeat("x", 70_000), "", "empty key", "bin", []byte("b\xff"),
		"span_id", []byte("\x00\x01\x02\x03\x04\x05\x06\xff"), "trace_id", []byte("0123456789abcdef"), "ids", []any{[]byte("01234567")},
		strings.Repeat("k", 300), "long key",
		"m", map[string]any{"a": map[string]any{"b": []any{"zero", map[string]string{"c": "deep"}}}},
		"dots.and/slashes", true, "arr", []any{1, "two", nil})
	for text, steps := range map[string][]Step{
		"text":                             {key("s")},
		"last":                             {key("dup")},
		"null":                             {key("nil")},
		"-7":                               {key("n")},
		"1.5":                              {key("f")},
		"empty key":                        {key("")},
		"Yv8=":                             {key("bin")},
		"01234567":                         {key("ids"), index(0)},
		"long key":                         {key(strings.Repeat("k", 300))},
		"true":                             {key("dots.and/slashes")},
		"two":                              {key("arr"), index(1)},
		"deep":                             {key("m"), key("a"), key("b"), index(1), key("c")},
		"00010203040506ff":                 {key("span_id")},
		"30313233343536373839616263646566": {key("trace_id")},
		`["zero",{"c":"deep"}]`: {
			key("m"), key("a"), key("b"),
		},
	} {
		value, ok := Lookup(record, steps)
		require.True(t, ok, text)
		got, err := AppendText(nil, steps[len(steps)-1].Key, value)
		require.NoError(t, err)
		require.Equal(t, text, string(got))
		requireLookup(t, record, steps...)
	}
	for name, steps := range map[string][]Step{
		"no such key":       {key("S")},
		"prefix of a key":   {key("lon")},
		"below a string":    {key("s"), key("x")},
		"below nil":         {key("nil"), key("x")},
		"index of a map":    {key("m"), index(0)},
		"key of an array":   {key("arr"), key("0")},
		"behind the end":    {key("arr"), index(3)},
		"negative":          {key("arr"), index(-1)},
		"index of a record": {index(0)},
	} {
		_, ok := Lookup(record, steps)
		require.False(t, ok, name)
		requireLookup(t, record, steps...)
	}
	requireLookup(t, record)
}

// TestLookupKeysThatAreNoStrings: bin and numbers do not match, and do not confuse.
func TestLookupKeysThatAreNoStrings(t *testing.T) {
	record := []byte{0x84, 0xc4, 1, 'k', 1, 0x07, 2, 0x91, 0xa1, 'k', 3, 0xd9, 1, 'k', 4}
	value, ok := Lookup(record, []Step{key("k")})
	require.True(t, ok)
	require.Equal(t, []byte{4}, value)
	_, ok = Lookup(record, []Step{key("7")})
	require.False(t, ok)
}

func TestLookupTruncatedAndCorruptAnywhere(t *testing.T) {
	record := packed(t, "a", "text", "m", map[string]any{"x": []any{1, "y"}}, "z", 1.5)
	for i := range record {
		for _, steps := range [][]Step{{key("a")}, {key("m"), key("x"), index(1)}, {key("z")}, {key("k")}, nil} {
			requireLookup(t, record[:i], steps...)
			for _, c := range []byte{0x00, 0x81, 0x9f, 0xbf, 0xc1, 0xc6, 0xdb, 0xdd, 0xdf, 0xff} {
				bad := bytes.Clone(record)
				bad[i] = c
				requireLookup(t, bad, steps...)
			}
		}
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	record := packed(t, "log", "some text", "n", 12345, "f", 1.25, "kubernetes", map[string]any{
		"labels": map[string]any{"app": "web"}, "ports": []any{80, 443},
	})
	paths := [][]Step{
		{key("log")},
		{key("n")},
		{key("f")},
		{key("kubernetes"), key("labels"), key("app")},
		{key("kubernetes"), key("ports")},
		{key("missing")},
	}
	dst := make([]byte, 0, 256)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for _, p := range paths {
			if value, ok := Lookup(record, p); ok {
				_, _ = AppendText(dst, "", value)
			}
		}
	}))
}

func TestAppendTextCorrupt(t *testing.T) {
	for _, value := range [][]byte{nil, {0xc1}, {0xa5, 'x'}, {0x92, 1}, {0x81, 0xa1, 'k'}} {
		got, err := AppendText([]byte("before"), "", value)
		var bad *CorruptError
		require.ErrorAs(t, err, &bad)
		require.Equal(t, "before", string(got))
	}
}

// FuzzLookup: whatever the record holds, Lookup finds what the oracle finds.
func FuzzLookup(f *testing.F) {
	f.Add(packed(f, "k", "v", "a", map[string]any{"k": []any{"x", 1}}), "k", "a", 0)
	f.Add([]byte{0x83, 0xd9, 1, 'k', 0xc0, 0xa1, 'k', 0xc4, 1, 0xff, 0xc4, 1, 'k', 7}, "k", "", 1)
	f.Add([]byte{0xdf, 0, 0, 0, 1, 0xa1, 'a', 0xdd, 0, 0, 0, 1, 0x81, 0xa1, 'k', 1}, "a", "k", 0)
	f.Fuzz(func(t *testing.T, record []byte, a, b string, i int) {
		requireLookup(t, record)
		requireLookup(t, record, key(a))
		requireLookup(t, record, index(i))
		requireLookup(t, record, key(a), key(b))
		requireLookup(t, record, key(a), index(i), key(b))
	})
}

// LookupKeys finds what Lookup finds, whatever is guessed.
func requireLookupKeys(t *testing.T, record, other []byte, keys ...string) {
	t.Helper()
	none, _ := LookupKeys(nil, record, keys, nil)
	guesses, _ := LookupKeys(nil, other, keys, nil)
	before := [][]byte{other}
	got, ok := LookupKeys(before, record, keys, guesses)
	if !ok {
		require.Equal(t, before, got)
		for _, k := range keys {
			_, found := Lookup(record, []Step{key(k)})
			require.False(t, found, k)
		}
		return
	}
	require.Len(t, got, 1+len(keys))
	require.Len(t, none, len(keys))
	for i, k := range keys {
		want, found := Lookup(record, []Step{key(k)})
		require.Equal(t, found, got[1+i] != nil, k)
		require.Equal(t, want, got[1+i], k)
		require.Equal(t, want, none[i], k)
	}
}

func TestLookupKeys(t *testing.T) {
	records := [][]byte{
		packed(t, "log", "x", "a", map[string]any{"k": []any{"x", 1}}, "b", 1),
		packed(t, "log", "y", "a", map[string]any{"k": []any{"x", 1}}, "b", 2, "a", "again"),
		packed(t, "a", nil, "b", "", "", 0), packed(t),
		{0x90},
		{0x81, 0xa1, 'a'},
		{0x81, 0xa1, 'a', 0xa5, 'x'},
		nil,
	}
	for _, record := range records {
		for _, other := range records {
			requireLookupKeys(t, record, other)
			requireLookupKeys(t, record, other, "a")
			requireLookupKeys(t, record, other, "a", "b", "missing", "")
		}
	}
}

func FuzzLookupKeys(f *testing.F) {
	f.Add(packed(f, "k", "v", "a", map[string]any{"k": []any{"x", 1}}), packed(f, "k", "v", "a", "b"), "k", "a")
	f.Fuzz(func(t *testing.T, record, other []byte, a, b string) {
		if a == b {
			b += "x"
		}
		requireLookupKeys(t, record, other, a, b)
		requireLookupKeys(t, record, record, a, b)
	})
}

func BenchmarkLookup(b *testing.B) {
	for _, set := range dataSets(b, testSize) {
		var r Reader
		r.Reset(set.chunk, EncodeOptions{})
		require.NoError(b, r.Scan())
		record := r.Event().Record
		b.Run(set.name, func(b *testing.B) {
			b.ReportAllocs()
			steps := []Step{key("kubernetes"), key("namespace_name")}
			for b.Loop() {
				Lookup(record, steps)
			}
		})
	}
}

// packed is a map of the given keys and values, in order.
func packed(tb testing.TB, pairs ...any) []byte {
	tb.Helper()
	var buf bytes.Buffer
	enc := msgpack.NewEncoder(&buf)
	enc.UseCompactInts(true)
	enc.SetSortMapKeys(true)
	require.NoError(tb, enc.EncodeMapLen(len(pairs)/2))
	for _, v := range pairs {
		require.NoError(tb, enc.Encode(v))
	}
	return buf.Bytes()
}
