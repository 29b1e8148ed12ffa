// Package loggroup is the codec between Fluent Bit and SLS. It owns the two
// transcoders, both straight from bytes to bytes: a Reader turns the msgpack events
// of a chunk into encoded Logs, a Decoder turns the Logs of a pulled LogGroupList
// into msgpack events. It does no I/O, logs nothing, starts no goroutine and keeps no
// state outside its values. It knows no destinations, and of SLS's limits only those
// that restoring a group's metadata needs.
//
// The Reader begins in reader.go. event.go reads an event's head and encode.go writes
// its Log. content.go and choose.go apply a Content; text.go and json.go write values
// that are no strings. The Decoder begins in list.go and decoder.go. pair.go is its
// steady path, decoder_format.go has the other formats. msgpack.go and protobuf.go are
// the grammars; rewrite.go changes an encoded Log.
//
// # Buffers
//
// Every function that takes dst appends to it and returns it. It may write to the spare
// capacity dst[len(dst):cap(dst)], which must belong to nobody else. Input is never
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
// the seconds 0 to 4294967293. Earlier times and NaN become 0. Later ones, such as
// milliseconds taken for seconds, become the last. Both have 0 nanoseconds then.
// Nanoseconds of 1e9 and more become 999999999.
//
// Group markers: the seconds -1 (start) and -2 (end), that is EventTime 4294967295 and
// 4294967294, without nanoseconds. A start has the key "schema" in its metadata. An end
// comes in a group and has no map in its metadata. Markers give no Log. Anything else
// with these seconds is an event. With GroupAttributes each record up to the end gets
// the pairs of the start's metadata and then of its record. They stand behind the
// record's own, their keys behind "__group__." (from Fluent Bit's OpenTelemetry input:
// schema, resource_id, scope_id; resource, scope). A second start replaces the first; a
// group ends with its chunk at the latest.
//
// A record's pairs become contents in their order, duplicate keys included; {} is a Log
// without contents. Keys become text by the same rules as values:
//
//	str      as it is
//	bin      valid UTF-8 as it is, as in Fluent Bit's own JSON; other bytes in base64;
//	         in hex, as in OTLP's JSON, 16 bytes under the key trace_id and 8 bytes
//	         under span_id, if the key is a str
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
// Inside JSON, str and bin are strings of that text. Only the quote, the backslash and
// bytes below 0x20 are escaped. ext, NaN and the infinities are strings of the text
// above; keys that are no strings are strings of their text. At most 64 arrays and maps
// are open at once: what is nested deeper becomes the string "...". So does an array or
// map that is a key inside an array or map that is a key.
//
// Invalid UTF-8 in a str: each run of invalid bytes becomes one U+FFFD, as with
// strings.ToValidUTF8. Surrogates and overlong forms are invalid.
//
// A value that is well-formed msgpack but no event is passed over and counted (see
// Reader.Skipped): another type, another number of elements, a timestamp of another
// type, metadata or a record that is no map. Anything malformed ends the chunk with a
// *CorruptError. No length is used before it is checked against the bytes left.
//
// # Reserved names
//
// SLS, a Decoder and out_sls have names of their own for what they say about a log;
// isReserved has the list. With RenameReserved a key of the record that is one of them
// gets the prefix "__record__.". The prefix is on the list, too, so no two keys become
// one. Contents keep their names if the event's metadata has restored a group: they had
// them in SLS.
//
// # Chosen contents
//
// A Content chooses what of an event goes into its Log, in these steps:
//
//  1. RestoreMeta takes pairs out of the event's metadata: __topic__, __source__ and
//     __tag__:KEY into Reader.Restored, __time__ into the event's time. Of several the
//     last counts; tags are all kept, in their order. A topic, source or tag must be a
//     str of valid UTF-8. A time must be a number of seconds that a Log can hold, or a
//     str of one: digits, with up to nine behind a point. Any other value stays where it
//     is. If that restores a topic, source or tag, a Log without nanoseconds has no
//     TimeNs, unless the metadata has __time_ns_part__. If it restores none,
//     RestoreRecord looks for them in the record, within SLS's limits (128 bytes; a
//     tag's value 1024, all tags together 16 KiB).
//  2. LogKey: the value at that path is sent in place of the record. A map's pairs
//     become the record's. Any other value becomes the only pair, under the last key of
//     the path. A record without that path stays whole, and is counted: a line that is
//     no JSON is still worth having.
//  3. IncludeKeys and ExcludeKeys are paths that begin at the pairs left by step 2. They
//     do not apply to a LogKey's value that is no map. With IncludeKeys, only the pairs
//     at their paths are kept, with all that is in them. An excluded pair is dropped,
//     with all that is in it. A map on the way to an included path keeps only what the
//     path leads to; it is dropped when the path leads nowhere. A map of which
//     everything is excluded is {}.
//  4. Flatten: the pairs of nested maps become contents. The key of each is the keys
//     around it and its own, with Separator in between. An empty map is {}, an array
//     JSON. A map stays JSON when 64 maps are open around it, or when the keys put
//     before its pairs make more than 64 KiB in the record.
//  5. Behind them come: with Metadata the pairs of the event's metadata, their keys
//     behind "__metadata__."; the group's attributes; TagKey and TimeKey. The last two
//     are left out when a content has that key already: SLS does not say which of two
//     would count. Steps 2 and 3 do not apply to any of these, step 4 does.
//
// Paths match only keys that are str, byte by byte. Of several pairs with one key LogKey
// takes the last; IncludeKeys and ExcludeKeys take all.
//
// # Logs to events
//
// Each Log becomes [[EventTime, {}], {key: value, ...}], EventTime as fixext 8, all keys
// and values str in their shortest form, contents in their order, duplicates included.
// A Log without TimeNs has 0 nanoseconds. Seconds above 4294967293 become that with 0
// nanoseconds, or the event would be a group marker; nanoseconds of 1e9 and more become
// 999999999. Invalid UTF-8 is repaired as above. SLS refuses it in a write; this is for
// what got in by another way.
//
// With IncludeMeta these pairs follow the contents: __tag__:KEY for each tag, __topic__
// and __source__. The last two are "" for a group without. InMetadata puts the pairs
// into the event's metadata instead. A TimeNs of 0 then adds __time_ns_part__ of "0", as
// the event's time is the same without TimeNs.
//
// Fields may come in any order and unknown ones are skipped. Of a field that must not
// repeat the last counts. A missing Time, Key or Value is an error, and so is a known
// field of another wire type: what the SDK's own types accept is accepted, what they
// refuse is refused. The events before the error are delivered.
package loggroup
