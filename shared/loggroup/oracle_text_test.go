package loggroup

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

func oracleText(n node) string {
	switch n.kind {
	case kindBin:
		if !utf8.Valid(n.data) {
			return base64.StdEncoding.EncodeToString(n.data)
		}
		return string(n.data)
	case kindStr:
		return strings.ToValidUTF8(string(n.data), "\uFFFD")
	case kindArray, kindMap:
		return oracleJSON(n, 0, false)
	default:
		return oracleScalar(n)
	}
}

// oracleID is the id that value is with that key, "" for none.
func oracleID(key, value node) string {
	size := map[string]int{"trace_id": 16, "span_id": 8}[string(key.data)]
	if key.kind != kindStr || value.kind != kindBin || len(value.data) != size {
		return ""
	}
	return fmt.Sprintf("%x", value.data)
}

func oracleScalar(n node) string {
	switch v := n.num.(type) {
	case bool, int64, uint64:
		return fmt.Sprint(v)
	case float32:
		return oracleFloat(float64(v), v)
	case float64:
		return oracleFloat(v, v)
	}
	if n.kind == kindNil {
		return "null"
	}
	d := n.data
	var at time.Time
	switch {
	case n.ext == 0 && len(d) == 8:
		at = oracleUnix(int64(binary.BigEndian.Uint32(d)), uint64(binary.BigEndian.Uint32(d[4:])))
	case n.ext == -1 && len(d) == 4:
		at = oracleUnix(int64(binary.BigEndian.Uint32(d)), 0)
	case n.ext == -1 && len(d) == 8:
		v := binary.BigEndian.Uint64(d)
		at = oracleUnix(int64(v&0x3ffffffff), v>>34)
	case n.ext == -1 && len(d) == 12:
		at = oracleUnix(int64(binary.BigEndian.Uint64(d[4:])), uint64(binary.BigEndian.Uint32(d)))
	}
	if at.IsZero() {
		return fmt.Sprintf("ext(%d):%x", n.ext, d)
	}
	return at.UTC().Format(time.RFC3339Nano)
}

// oracleUnix is the zero time for what RFC 3339 cannot write.
func oracleUnix(sec int64, nsec uint64) time.Time {
	if nsec > 999999999 || sec < -62167219200 || sec > 253402300799 {
		return time.Time{}
	}
	return time.Unix(sec, int64(nsec))
}

func oracleFloat(f float64, asIs any) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		return strings.Replace(strconv.FormatFloat(f, 'g', -1, 64), "+", "", 1) + "inity"
	}
	text, _ := json.Marshal(asIs)
	return string(text)
}

func oracleJSON(n node, depth int, inKey bool) string {
	if len(n.items) == 0 && n.kind != kindArray && n.kind != kindMap {
		text := oracleText(n)
		isNumber := n.kind == kindFloat32 || n.kind == kindFloat64
		if n.kind < kindFloat32 || isNumber && text != "NaN" && !strings.HasSuffix(text, "Infinity") {
			return text
		}
		return oracleQuote(text)
	}
	if depth == 64 {
		return `"..."`
	}
	var parts []string
	if n.kind == kindArray {
		for _, item := range n.items {
			parts = append(parts, oracleJSON(item, depth+1, inKey))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	for i := 0; i < len(n.items); i += 2 {
		key := n.items[i]
		text := ""
		switch {
		case key.kind != kindArray && key.kind != kindMap:
			text = oracleText(key)
		case inKey:
			text = "..."
		default:
			text = oracleJSON(key, depth+1, true)
		}
		value := oracleJSON(n.items[i+1], depth+1, inKey)
		if id := oracleID(key, n.items[i+1]); id != "" {
			value = oracleQuote(id)
		}
		parts = append(parts, oracleQuote(text)+":"+value)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// oracleQuote is encoding/json without what it escapes for HTML and JavaScript.
func oracleQuote(s string) string {
	var out strings.Builder
	for _, r := range s {
		if r == '\u2028' || r == '\u2029' {
			out.WriteRune(r)
			continue
		}
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(string(r))
		out.WriteString(strings.TrimSuffix(b.String()[1:], "\"\n"))
	}
	return `"` + out.String() + `"`
}
