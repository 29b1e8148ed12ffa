package handover

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// One report proves nothing, and neither does time that only our clock saw pass.
func TestDeliveryProof(t *testing.T) {
	for name, c := range map[string]struct {
		reports []Report
		at      int // index of the report that proves it, -1 for none
	}{
		"the usual: chunks, then none": {
			[]Report{{10, 5, 0}, {11, 5, 0}, {12, 5, 1}, {13, 5, 0}}, 3,
		},
		"none all the time: a count must have been made, and shown": {
			[]Report{{10, 5, 0}, {11, 5, 0}, {16, 5, 0}, {17, 5, 0}, {18, 5, 0}, {19, 5, 0}}, 4,
		},
		"the same report again is no other": {
			[]Report{{10, 5, 0}, {11, 5, 0}, {18, 5, 0}, {18, 5, 0}, {18, 5, 0}}, -1,
		},
		"a loop that was held up shows an old count at first": {
			[]Report{{10, 5, 0}, {11, 5, 0}, {60, 5, 0}, {61, 5, 1}, {62, 5, 1}}, -1,
		},
		"still in the ring": {
			[]Report{{10, 4, 0}, {11, 4, 1}, {12, 4, 0}}, -1,
		},
		"a processor dropped some: the loop has run": {
			[]Report{{10, 4, 1}, {11, 4, 1}, {12, 4, 1}, {13, 4, 1}, {14, 4, 0}}, 4,
		},
		"two looks do not show that the ring has been emptied": {
			[]Report{{10, 4, 0}, {11, 4, 0}, {12, 4, 1}, {13, 4, 0}}, -1,
		},
		"an engine that began anew is another one": {
			[]Report{{10, 5, 0}, {11, 5, 1}, {2, 0, 0}, {3, 0, 0}, {4, 0, 0}}, -1,
		},
	} {
		s, at := deliveryProof{handedOver: 5}, -1
		for i, r := range c.reports {
			if s.take(r) {
				at = i
				break
			}
		}
		require.Equal(t, c.at, at, name)
	}
}
