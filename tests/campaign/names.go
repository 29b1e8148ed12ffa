package main

import (
	"fmt"
	"strings"
)

// The records of one feed say themselves which logstore they belong to, in their field
// app. Some of these do not exist, one comes late, one is not allowed.
const (
	appField  = "app"
	namedFeed = 2
	allowed   = "named-*,ghost-*,born-late"
	ghost     = "ghost-" // begins the names of those that never exist
	bornLate  = "born-late"
	notForYou = "other-team" // exists, and allow_destinations does not have it
)

// existing are those that exist from the beginning.
var existing = []string{"named-0", "named-1"}

// appOf names the logstore of the records of the ith template. Most want one that exists.
func appOf(i int) string {
	names := [...]string{"named-0", "named-1", "named-0", "named-1", ghost + string(rune('a'+i/8)), "named-0", bornLate, notForYou}
	return names[i%len(names)]
}

// homes are the logstores that a record of this template may be in: where it wants to
// go, or if that is not allowed or does not exist, where the section sends what names
// nothing. What comes into being is found out about by and by.
func (f *feedRecords) homes(app string) []string {
	switch {
	case f.named && strings.HasPrefix(app, "named-"):
		return []string{app}
	case f.named && app == bornLate:
		return []string{app, f.logstore}
	default:
		return []string{f.logstore}
	}
}

// stores are the logstores that the records of a feed may be in.
func (f *feedRecords) stores() []string {
	stores := []string{f.logstore}
	if f.named {
		stores = append(append(stores, existing...), bornLate, notForYou)
	}
	return stores
}

// name makes a section take the logstore from the record.
func (h *host) name(p map[string]string, f *feed) {
	p["allow_destinations"] = allowed
	p["logstore"] = "$" + appField + "|" + f.logstore
	if h.random.IntN(2) == 0 {
		p["logstore"], p["default_logstore"] = "$"+appField, f.logstore
	}
}

// tellStrays counts the records that are not where they wanted to go.
func tellStrays(strays map[string]int) string {
	records, names := 0, 0
	for name, n := range strays {
		if strings.HasPrefix(name, ghost) {
			records += n
			names++
		}
	}
	return fmt.Sprintf("%d logstores that do not exist %d, one not yet %d, one not allowed %d", names, records, strays[bornLate], strays[notForYou])
}
