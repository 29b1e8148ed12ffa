// Package template owns the grammar of templates, and what makes names of their values. It
// does not know what a variable is worth: who renders a template has its Values.
//
// # Grammar
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
//   - $level is the key level, $kubernetes['labels']['app'] and $list[0] reach deeper. A
//     key at the top that is no name is quoted: $['log.level'].
//   - A name ends where none of its characters follows: "$a:$b" is two variables, "$a.b"
//     the variable a and a text. "$a-b" is the key a-b; "$a-$b", which Fluent Bit refuses,
//     is two variables and a minus.
//   - $a.b.c is no path as in jq: Dotted tells what was meant.
//
// And beyond it:
//
//   - $a|$b|none is the first of them that is there. No spaces around the bars.
//   - A default in quotes ends at its quote, any other at the next variable or at the
//     end: $a|none-$b, $a|'none'-log. It is the last alternative, must not be empty
//     unless quoted (”), and holds "$" and "|" as "$$" and "$|", or in quotes as they
//     are.
//   - A template with a variable that is missing and has no default gives no value at all,
//     whatever else is in it.
//   - Environment variables are the engine's: ${NAME} is expanded before an option
//     gets here. Captures of regular expressions ($0 to $9) do not exist here.
//
// # Names
//
// The value of each variable of a name is made to fit by itself: every run of characters
// that names do not have as one "-", and no punctuation at its ends; one of which nothing is
// left is missing. Where a name has several variables, a separator has to stand between
// them, and what does is taken out of the values, too: "-" or "_" takes its place or, where
// both are separators, nothing. So a name tells its values apart, and no value makes
// another's name. A name of a single variable is cut where it is too long. One of several
// is as good as missing then.
package template
