package loggroup

// AppendJSON appends a msgpack value as JSON, by the rules for nested values. Bytes that
// are no msgpack value become null.
func AppendJSON(dst, value []byte) []byte {
	r := Reader{chunk: value}
	out, _, err := r.appendJSON(dst, 0, jsonState{})
	if err != nil {
		return append(dst, "null"...)
	}
	return out
}

// AppendJSONString appends text as a JSON string, with invalid UTF-8 replaced.
func AppendJSONString(dst []byte, text string) []byte {
	return appendQuoted(dst, []byte(text), len(text))
}
