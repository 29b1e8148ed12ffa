// Package loggroup is the codec between Fluent Bit and SLS. It owns the two
// transcoders, both straight from bytes to bytes: a Reader turns the msgpack events
// of a chunk into encoded Logs, a Decoder turns the Logs of a pulled LogGroupList
// into msgpack events. It never does I/O, never logs, starts no goroutine, keeps no
// state outside its values, and knows neither destinations nor, but for what restoring
// a group's metadata takes, SLS's limits.
//
// The Reader begins in reader.go: event.go reads an event's head, encode.go writes its
// Log, choose.go and content.go what a Content chooses of it, json.go and text.go what
// is no string. The Decoder begins in list.go and decoder.go: pair.go is the steady path,
// decoder_format.go the other formats. msgpack.go and protobuf.go are the grammars;
// rewrite.go changes an encoded Log.
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
// encoding of its arrays, maps and numbers. Metadata is part of the Log only when it is
// chosen (see below); Event has it in any case.
//
// Time: EventTime (ext type 0 of 8 bytes, fixext or ext), or a number of seconds:
// any int or uint, or a float, whose fraction is rounded to nanoseconds. A Log holds
// the seconds 0 to 4294967293: what is earlier, and NaN, becomes 0, what is later
// (milliseconds taken for seconds, for one) becomes the last, both with 0 nanoseconds.
// Nanoseconds of 1e9 and more become 999999999.
//
// Group markers: the seconds -1 (start) and -2 (end), that is EventTime 4294967295 and
// 4294967294, without nanoseconds. A start has the key "schema" in its metadata; an end
// comes in a group and has no map in its metadata. They give no Log. Anything else of
// these seconds is an event. With GroupAttributes the pairs of the start's metadata
// and then of its record are added to each record up to the end, behind the record's
// own, their keys behind "__group__." (of Fluent Bit's OpenTelemetry input: schema,
// resource_id, scope_id; resource, scope). A second start replaces the first; a group
// ends with its chunk at the latest.
//
// A record's pairs become contents in their order, duplicate keys included; {} is a Log
// without contents. Keys become text by the same rules as values:
//
//	str      as it is
//	bin      as it is when it is UTF-8, as Fluent Bit's own JSON shows it, else base64;
//	         of 16 bytes with the key trace_id and of 8 with span_id, both as str: hex,
//	         as OTLP's JSON has these ids
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
// Inside JSON, str and bin are strings of that text in which the quote, the backslash and what is
// below 0x20 are escaped and nothing else is; ext, NaN and the infinities are strings
// of the text above; keys that are no strings are strings of their text. Of arrays
// and maps at most 64 are open at once: what is nested deeper is the string "...". So
// is an array or map that is a key inside an array or map that is a key.
//
// Invalid UTF-8 in a str: every run of bytes that are part of no valid rune becomes one U+FFFD,
// as strings.ToValidUTF8 does. Surrogates and overlong forms are invalid.
//
// A value that is well-formed msgpack but no event is passed over and counted (see
// Reader.Skipped): another type, another number of elements, a timestamp of another
// type, metadata or a record that is no map. Anything malformed ends the chunk with a
// *CorruptError. Lengths are checked against the bytes that are there before they are
// believed.
//
// # Reserved names
//
// With RenameReserved a content of the record gets "__record__." before its key when that
// would be taken for what SLS, a Decoder, or out_sls says of a log: isReserved has the
// list. The prefix is on it, so that no two keys become one. Contents of an event whose
// metadata has restored a group keep their names: they had them in SLS.
//
// # Chosen contents
//
// A Content chooses what of an event goes into its Log, in these steps:
//
//  1. RestoreMeta takes pairs out of the event's metadata: __topic__, __source__ and
//     __tag__:KEY into Reader.Restored, __time__ into the event's time. Of several the
//     last counts; tags are all kept, in their order. A topic, source or tag must be a
//     str of valid UTF-8, a time a number of seconds that a Log can hold or a str of one,
//     digits with up to nine behind a point. Any other is left where it is. Where that
//     restores a topic, source or tag, a Log without nanoseconds has no TimeNs, unless
//     the metadata has __time_ns_part__, too. Where it restores none, RestoreRecord looks
//     for them in the record, within SLS's limits (128 bytes; a tag's value 1024, all tags
//     together 16 KiB).
//  2. LogKey: of the value at that path in the record, a map's pairs take the place of
//     the record's, anything else is the only pair, its key the last of the path. A
//     record without it stays whole, and is counted: a line that is no JSON is still
//     worth having.
//  3. IncludeKeys and ExcludeKeys are paths from the pairs that are left; they do not
//     apply to a LogKey's value that is no map. A pair is kept if it or one around it is
//     included, or all are because no path is; a pair that is excluded is not, nor is
//     anything in it. Of a map on the way to an included path only that is kept, and
//     nothing when the path leads nowhere; a map of which everything is excluded is {}.
//  4. Flatten: the pairs of a map, and of the maps in it, are contents with the keys
//     around them and Separator before their own. An empty map is {}, an array JSON. A
//     map at which 64 maps are open, and one that makes the keys before the pairs of
//     flattened maps more than 64 KiB in a record, stays JSON.
//  5. Behind them: with Metadata the pairs of the event's metadata, their keys behind
//     "__metadata__."; the group's attributes; TagKey and TimeKey. The last two are
//     left out when there is a content of that key already: SLS does not say which of
//     two would count. Steps 2 and 3 do not apply to any of these, step 4 does.
//
// In paths only keys that are str are found, byte by byte; of several pairs with one
// key LogKey takes the last, the others all.
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
// the contents; the last two are "" for a group without. InMetadata puts them into the
// event's metadata, with __time_ns_part__ of "0" when the Log has a TimeNs of 0, which the
// event's time does not tell from none.
//
// Fields may come in any order and unknown ones are skipped. Of a field that must not
// repeat the last counts. A missing Time, Key or Value and a known field of another
// wire type are errors, as for the SDK's own types: what those accept is accepted, what
// they refuse is refused; but the events before the error are delivered.
package loggroup
