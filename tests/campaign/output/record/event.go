package record

import "fluent-bit-sls/tests/demo"

// Form is how the events of a chunk are written: engines have done it in
// several ways.
type Form struct {
	V1       bool // [time, record], from before Fluent Bit v2.1
	Long     bool // ext 8 for the time
	Metadata bool
}

// Append appends
//
//	v2 event = array(2) array(2) EventTime map(metadata) record
//	v1 event = array(2) EventTime record
//
// with an empty map where record is nil.
func (e Form) Append(dst []byte, sec, nsec uint32, record func([]byte) []byte) []byte {
	dst = appendArrayHead(dst, 2)
	if !e.V1 {
		dst = appendArrayHead(dst, 2)
	}
	dst = appendEventTime(dst, sec, nsec, e.Long)
	switch {
	case e.V1:
	case e.Metadata:
		dst = demo.AppendString(demo.AppendString(AppendMapHead(dst, 1), "stream"), "stderr")
	default:
		dst = AppendMapHead(dst, 0)
	}
	if record == nil {
		return AppendMapHead(dst, 0)
	}
	return record(dst)
}

// AppendMarker appends the start or the end of a group as the engine's OpenTelemetry
// input writes them: a start is known by the schema in its metadata.
func (e Form) AppendMarker(dst []byte, sec uint32) []byte {
	dst = appendEventTime(appendArrayHead(appendArrayHead(dst, 2), 2), sec, 0, e.Long)
	if sec == GroupEnd {
		return AppendMapHead(AppendMapHead(dst, 0), 0)
	}
	dst = AppendMapHead(dst, 3)
	dst = demo.AppendString(demo.AppendString(dst, "schema"), "otlp")
	dst = appendInt(demo.AppendString(dst, "resource_id"), 0)
	dst = appendInt(demo.AppendString(dst, "scope_id"), 0)
	return AppendMapHead(demo.AppendString(AppendMapHead(dst, 1), "resource"), 0)
}
