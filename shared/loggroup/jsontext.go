package loggroup

// AppendJSON appends a msgpack value as JSON, by the rules for nested values;
// null for bytes that are no msgpack value.
func AppendJSON(dst, value []byte) []byte {
	r := Reader{chunk: value}
	out, _, err := r.appendJSON(dst, 0, jsonState{})
	if err != nil {
		return append(dst, "null"...)
	}
	return out
}

// AppendJSONString appends text as a JSON string, what is not UTF-8 replaced.
func AppendJSONString(dst []byte, text string) []byte {
	return appendQuoted(dst, []byte(text), len(text))
}
