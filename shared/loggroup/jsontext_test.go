package loggroup

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAppendJSON(t *testing.T) {
	f := func(value, want string) {
		t.Helper()
		b, err := hex.DecodeString(value)
		require.NoError(t, err)
		require.Equal(t, "before"+want, string(AppendJSON([]byte("before"), b)))
	}
	f("82a16b9301c3a16101a101", `{"k":[1,true,"a"],"1":"\u0001"}`)
	f("a3612262", `"a\"b"`)
	f("c0", "null")
	f("", "null")
	f("92a161c1", "null")
}

func TestAppendJSONString(t *testing.T) {
	require.Equal(t, "before\"a\\\"\uFFFD\\n\"", string(AppendJSONString([]byte("before"), "a\"\xff\xfe\n")))
	require.Equal(t, `""`, string(AppendJSONString(nil, "")))
}
