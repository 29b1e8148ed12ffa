package loggroup

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gogo/protobuf/proto"
)

// pb is protobuf bytes: numbers as given, strings as they are.
func pb(parts ...any) []byte {
	var out []byte
	for _, p := range parts {
		switch v := p.(type) {
		case int:
			out = append(out, byte(v))
		case string:
			out = append(out, v...)
		case []byte: // a message or string with its length in front
			out = append(out, proto.EncodeVarint(uint64(len(v)))...)
			out = append(out, v...)
		}
	}
	return out
}

func asList(groups ...[]byte) []byte {
	var out []byte
	for _, g := range groups {
		out = append(out, pb(0x0a, g)...)
	}
	return out
}

func content(k, v string) []byte {
	return pb(0x12, pb(0x0a, []byte(k), 0x12, []byte(v)))
}

func logField(parts ...any) []byte {
	return pb(0x0a, pb(parts...))
}

var fiveBytes = "\x80\xe2\xcf\xaa\x06" // 1700000000 as a varint

// decodable are groups that every protobuf decoder takes.
func decodable() map[string][]byte {
	long := strings.Repeat("v", 70_000)
	many := func(n int) []byte {
		parts := []any{0x08, 1}
		for i := range n {
			parts = append(parts, string(content(fmt.Sprint("k", i), "v")))
		}
		return logField(parts...)
	}
	plain := string(content("k", "v"))
	return map[string][]byte{
		"empty group":       nil,
		"empty log":         logField(0x08, 1),
		"one content":       logField(0x08, fiveBytes, plain),
		"time last":         logField(plain, plain, 0x25, "\x01\x00\x00\x00", 0x08, fiveBytes),
		"times repeated":    logField(0x08, 1, 0x08, 2, plain, 0x25, "\x01\x00\x00\x00", 0x25, "\x02\x00\x00\x00"),
		"time too long":     logField(0x08, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", plain),
		"time of more bits": logField(0x08, "\x80\xe2\xcf\xaa\x76", plain),
		"time padded":       logField(0x08, "\x81\x80\x80\x80\x80\x80\x80\x00", plain),
		"group start":       logField(0x08, "\xff\xff\xff\xff\x0f", plain, 0x25, "\x05\x00\x00\x00"),
		"group end":         logField(0x08, "\xfe\xff\xff\xff\x0f", plain),
		"latest":            logField(0x08, "\xfd\xff\xff\xff\x0f", plain, 0x25, "\x05\x00\x00\x00"),
		"too many ns":       logField(0x08, 1, plain, 0x25, "\xff\xff\xff\xff"),
		"empty strings":     logField(0x08, 1, string(content("", "")), plain),
		"value before key": logField(0x08, 1, string(pb(0x12, pb(0x12, []byte("v"), 0x0a, []byte("k")))),
			plain),
		"last key and value count": logField(0x08, 1,
			string(pb(0x12, pb(0x0a, []byte("a"), 0x12, []byte("b"), 0x0a, []byte("k"), 0x12, []byte("v")))), plain),
		"duplicate keys":     logField(0x08, 1, plain, plain, string(content("k", "other"))),
		"padded lengths":     logField(0x08, 1, "\x12\x86\x00\x0a\x01k\x12\x01v", "\x12\x87\x00\x0a\x81\x00k\x12\x01v", plain, plain, plain),
		"padded tag":         logField(0x08, 1, "\x92\x00\x06\x0a\x01k\x12\x01v", plain),
		"unknown in content": logField(0x08, 1, string(pb(0x12, pb(0x0a, []byte("k"), 0x12, []byte("v"), 0x18, 5))), plain),
		"key that looks like its end": logField(0x08, 1,
			string(content(strings.Repeat("k", 127)+"\x12", strings.Repeat("v", 17))), plain, plain, plain),
		"invalid UTF-8":     logField(0x08, 1, string(content("k\xff", "a\xfe\xffb")), string(content("é", "日志")), plain),
		"16 pairs":          many(16),
		"15 then 16 then 0": slices.Concat(many(15), many(16), logField(0x08, 1), many(15)),
		"65536 pairs":       slices.Concat(many(65535), many(65536), many(1)),
		"string sizes": logField(0x08, 1, string(content(strings.Repeat("k", 31), strings.Repeat("v", 32))),
			string(content(strings.Repeat("k", 127), strings.Repeat("v", 255))),
			string(content(strings.Repeat("k", 128), strings.Repeat("v", 256))),
			string(content("16383", long[:16383])), string(content("16384", long[:16384])),
			string(content("65535", long[:65535])), string(content("65536", long[:65536])), plain, plain, plain),
		"unknown fields": slices.Concat(
			pb(0x38, 1, 0x39, "12345678", 0x3a, []byte("x"), 0x3b, 0x08, 1, 0x3b, 0x3c, 0x3c, 0x3d, "1234"),
			logField(0x18, 1, 0x08, 1, 0x19, "12345678", 0x1a, []byte("x"), plain, 0x1d, "1234", 0x1b, 0x1c)),
		"metadata": slices.Concat(logField(0x08, 1, plain), pb(0x1a, []byte("topic"), 0x22, []byte("source")),
			pb(0x12, []byte("category"), 0x2a, []byte("uuid")), tagField("host", "web-1"), logField(0x08, 2),
			tagField("host", "web-2"), tagField("bad\xff", "\xff")),
		"metadata repeated":  slices.Concat(pb(0x1a, []byte("a"), 0x1a, []byte("b"), 0x22, []byte("s"), 0x22, []byte("")), logField(0x08, 1, plain)),
		"metadata empty":     slices.Concat(pb(0x1a, []byte(""), 0x22, []byte("")), logField(0x08, 1, plain)),
		"metadata, no logs":  tagField("host", "web-1"),
		"metadata, 16 pairs": slices.Concat(many(15), tagField("host", "web-1")),
	}
}

func tagField(k, v string) []byte {
	return pb(0x32, pb(0x0a, []byte(k), 0x12, []byte(v)))
}
