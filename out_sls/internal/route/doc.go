// Package route decides where a record goes: project, logstore, topic, source,
// tags and the part of the hash space. It owns the templates that say so and makes
// the values in records into names that SLS takes. It reads records and never
// sends, buffers or logs anything. The same chunk under the same configuration
// always has the same destinations, in the same order.
//
// # Templates
//
//	template  = { text | variable }
//	variable  = reference { "|" reference } [ "|" default ]
//	reference = "$TAG" [ "[" n "]" ] | "$" name { subkey } | "$" quoted { subkey }
//	name      = letter or "_", then letters, digits, "_", "-", "/", of which the last
//	            is neither "-" nor "/"
//	subkey    = quoted | "[" n "]"
//	quoted    = "['" any text, with two quotes for one "']"
//	default   = "'" any text, with two quotes for one "'" | text
//	text      = any characters but "$"; "$$" is a "$" and "$|" is a "|"
//
// This is Fluent Bit's record accessor with alternatives and defaults:
//
//   - $TAG is the tag, $TAG[1] the second of its parts between dots. As there, $TAGS
//     is the tag with an S behind it.
//   - $level is the record's key level, $kubernetes['labels']['app'] and $list[0]
//     reach deeper. A key at the top that is no name is quoted: $['log.level'].
//   - A name ends where none of its characters follows: "$a:$b" is two variables, "$a.b"
//     the variable a and a text. "$a-b" is the key a-b; "$a-$b", which Fluent Bit refuses,
//     is two variables and a minus.
//   - Of several pairs with the same key the last counts.
//   - $a.b.c is no path as in jq: Config.Warnings tells what was meant.
//
// And beyond it:
//
//   - $a|$b|none is the first of them that is there. No spaces around the bars.
//   - A default in quotes ends at its quote, any other at the next variable or at the
//     end: $a|none-$b, $a|'none'-log. It is the last alternative, must not be empty
//     unless quoted (”), and holds "$" and "|" as "$$" and "$|", or in quotes as they
//     are.
//   - A value that is absent, nil or an empty text is missing. Where Fluent Bit takes
//     $a['b'] of a record whose a is a string to be that string, it is missing, too.
//   - Numbers, arrays, maps and all else have the text that they have in a log: see
//     package loggroup.
//   - Environment variables are the engine's: ${NAME} is expanded before an option
//     gets here. Captures of regular expressions ($0 to $9) do not exist here.
//
// # What a missing value does
//
// A template with a variable that is missing and has no default gives no value at
// all, whatever else is in it: the static default takes its place, and Stats counts
// it. That is default_project and default_logstore; no topic; the host name as the
// source; no hash key; and the tag is left out.
//
// A project or logstore must come to something: where a variable has no default of
// its own, default_project or default_logstore is required.
//
// # What a record may choose
//
// With allow_destinations a project and logstore of which one at least is a template
// must match one of its patterns together, after they were made to fit, or be the
// static defaults. Otherwise the record goes to the static defaults, and Stats counts
// it. The patterns are required as soon as a record or a tag is read for either: tags can
// be set from outside, too. A "*" or "?" stands for what one variable gives, never for
// what stands between two.
//
// # What fits where
//
// Static names are taken as typed, and refused at the start when SLS cannot have
// them. The value of each variable of a name is made to fit by itself: letters in lower
// case, every run of characters that names do not have as one "-", and none of "-" and
// "_" at its ends; one of which nothing is left is missing. Where a name has several
// variables, a "-" or "_" has to stand between them, and what does is taken out of the
// values, too: the other of the two takes its place or, where there is none, nothing. So
// a name tells its values apart, and no record makes another's name.
//
// A name has at most 63 bytes: one of a single variable is cut there. One of several that
// is longer is as good as missing, and so is one that is too short (project 3, logstore
// 2): the static default takes its place or, without one, the template with each of its
// variables missing.
//
// Topic and source are cut to 128 bytes, tags to 1024, all between runes; invalid
// UTF-8 is repaired. An empty value is left out.
//
// The hash key is what MD5 makes of the value, with all but the upper bits cleared
// so that only hash_buckets different ones are left: records that SLS would put
// into the same shard anyway then share a request.
package route
