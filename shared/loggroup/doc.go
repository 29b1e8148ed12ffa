// Package loggroup is the codec between Fluent Bit and SLS. It owns the two
// transcoders, both straight from bytes to bytes: a Reader turns the msgpack events
// of a chunk into encoded Logs, a Decoder turns the Logs of a pulled LogGroupList
// into msgpack events. It never does I/O, never logs, starts no goroutine, keeps no
// state outside its values, and knows neither destinations nor SLS's limits.
//
// # Buffers
//
// Every function that takes dst appends to it and returns it, and may write to its
// spare capacity: dst[len(dst):cap(dst)] must be nobody else's. Input is never
// written to. On the steady path, with room in dst, nothing is allocated.
//
// # Events to Logs
//
// An event is [[timestamp, metadata], record] or [timestamp, record], with any msgpack
// encoding of its arrays, maps and numbers. Metadata is not part of the Log; see
// Event for it.
//
// Time: EventTime (ext type 0 of 8 bytes, fixext or ext), or a number of seconds:
// any int or uint, or a float, whose fraction is rounded to nanoseconds. A Log holds
// the seconds 0 to 4294967293: what is earlier, and NaN, becomes 0, what is later
// (milliseconds taken for seconds, for one) becomes the last, both with 0 nanoseconds.
// Nanoseconds of 1e9 and more become 999999999.
//
// Group markers: the seconds -1 (start) and -2 (end), as EventTime 4294967295 and
// 4294967294. They give no Log. With GroupAttributes the pairs of the start's metadata
// and then of its record are added to each record up to the end, behind the record's
// own and under their own names (Fluent Bit's OpenTelemetry input: schema, resource_id,
// scope_id; resource, scope). A second start replaces the first; a group ends with its
// chunk at the latest.
//
// A record's pairs become contents in their order, duplicate keys included; {} is a Log
// without contents. Keys become text by the same rules as values:
//
//	str      as it is
//	bin      as it is: Fluent Bit's own JSON shows bin as text, too
//	nil      null
//	bool     true, false
//	int      decimal
//	float    the fewest digits that read back as the same float of its width; plain
//	         from 1e-6 up to 1e21, else with an exponent; no ".0"; NaN, Infinity,
//	         -Infinity
//	array    JSON without spaces
//	map      JSON without spaces, pairs in their order, duplicates included
//	ext      EventTime and msgpack's timestamp (type -1): RFC 3339 in UTC with as many
//	         digits as needed, when the year has four digits and there are less than
//	         1e9 nanoseconds; anything else: ext(TYPE):HEX
//
// Inside JSON, str and bin are strings in which the quote, the backslash and what is
// below 0x20 are escaped and nothing else is; ext, NaN and the infinities are strings
// of the text above; keys that are no strings are strings of their text. Of arrays
// and maps at most 64 are open at once: what is nested deeper is the string "...". So
// is an array or map that is a key inside an array or map that is a key.
//
// Invalid UTF-8: every run of bytes that are part of no valid rune becomes one U+FFFD,
// as strings.ToValidUTF8 does. Surrogates and overlong forms are invalid.
//
// A value that is well-formed msgpack but no event is passed over and counted (see
// Reader.Skipped): another type, another number of elements, a timestamp of another
// type, metadata or a record that is no map. Anything malformed ends the chunk with a
// *CorruptError. Lengths are checked against the bytes that are there before they are
// believed.
//
// # Logs to events
//
// Each Log becomes [[EventTime, {}], {key: value, ...}], EventTime as fixext 8, all keys
// and values str in their shortest form, contents in their order, duplicates included.
// A Log without TimeNs has 0 nanoseconds. Seconds above 4294967293 become that with 0
// nanoseconds, or the event would be a group marker; nanoseconds of 1e9 and more become
// 999999999. Invalid UTF-8 is repaired as above (SLS refuses it when it is written, so
// this is for what slipped in otherwise).
//
// With IncludeMeta the pairs __tag__:KEY for each tag, __topic__ and __source__ follow
// the contents, each only when the group has the field, be it empty.
//
// Fields may come in any order and unknown ones are skipped. Of a field that must not
// repeat the last counts. A missing Time, Key or Value and a known field of another
// wire type are errors, as for the SDK's own types: what those accept is accepted, what
// they refuse is refused; but the events before the error are delivered.
package loggroup
