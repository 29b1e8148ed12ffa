// Package route decides where a record goes: project, logstore, topic, source,
// tags and the part of the hash space. It owns the templates that say so and makes
// the values in records into names that SLS takes. It reads records and never
// sends, buffers or logs anything. The same chunk under the same configuration
// always has the same destinations, in the same order.
//
// # Templates
//
// The grammar is that of the package template, with $TAG, $TAG[n] and the keys of the
// record. And:
//
//   - Of several pairs with the same key the last counts.
//   - A value that is absent, nil or an empty text is missing. Where Fluent Bit takes
//     $a['b'] of a record whose a is a string to be that string, it is missing, too.
//   - Numbers, arrays, maps and all else have the text that they have in a log: see
//     package loggroup.
//   - $a.b.c is no path as in jq: Config.Warnings tells what was meant.
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
// With allow_destinations a project and logstore must together match one of its patterns,
// or be the static defaults, if one of the two is a template. They are made to fit before.
// Otherwise the record goes to the static defaults, and Stats counts it. The patterns are
// required as soon as a record or a tag is read for either: tags can be set from outside,
// too. A "*" or "?" stands for what one variable gives, never for what stands between two.
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
