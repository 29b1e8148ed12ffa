package judge

import (
	"fmt"
	"strings"

	"fluent-bit-sls/tests/campaign/output/record"
)

// destinations are the logstores that a record of this template may be in: the one that it
// names, or the section's default if that is not allowed or does not exist. A logstore
// that is created late is found after a while.
func (f *feedRecords) destinations(app string) []string {
	switch {
	case f.named && strings.HasPrefix(app, "named-"):
		return []string{app}
	case f.named && app == record.CreatedLate:
		return []string{app, f.logstore}
	default:
		return []string{f.logstore}
	}
}

// stores are the logstores that the records of a feed may be in.
func (f *feedRecords) stores() []string {
	stores := []string{f.logstore}
	if f.named {
		stores = append(append(stores, record.Existing...), record.CreatedLate, record.NotAllowed)
	}
	return stores
}

// DescribeFallbacks counts the records that are not where they wanted to go.
func DescribeFallbacks(fallbacks map[string]int) string {
	records, names := 0, 0
	for name, n := range fallbacks {
		if strings.HasPrefix(name, record.AbsentPrefix) {
			records += n
			names++
		}
	}
	return fmt.Sprintf("%d logstores that do not exist %d, one not yet %d, one not allowed %d", names, records, fallbacks[record.CreatedLate], fallbacks[record.NotAllowed])
}
