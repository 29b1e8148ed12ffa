package record

// The records of one feed say themselves which logstore they belong to, in their field
// app. Some of these do not exist, one comes late, one is not allowed.
const (
	AppField     = "app"
	NamedFeed    = 2
	Allowed      = "named-*,ghost-*,born-late"
	AbsentPrefix = "ghost-" // begins the names of those that never exist
	CreatedLate  = "born-late"
	NotAllowed   = "other-team" // exists, and allow_destinations does not have it
)

// Existing are those that exist from the beginning.
var Existing = []string{"named-0", "named-1"}

// appOf names the logstore of the records of the ith template. Most want one that exists.
func appOf(i int) string {
	names := [...]string{"named-0", "named-1", "named-0", "named-1", AbsentPrefix + string(rune('a'+i/8)), "named-0", CreatedLate, NotAllowed}
	return names[i%len(names)]
}
