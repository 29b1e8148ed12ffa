package shard

import "fluent-bit-sls/shared/sls"

// number is a cursor as a number, -1 where it is none. The service calls cursors opaque. So
// only checks and metrics that need numbers may depend on it.
func number(cursor string) int64 {
	if n, err := sls.DecodeCursor(cursor); err == nil {
		return n
	}
	return -1
}

// before reports whether cursor a of a shard is known to lie before b. Where one of them is
// no number it only reports whether they differ.
func before(a, b string) bool {
	n, err1 := sls.DecodeCursor(a)
	m, err2 := sls.DecodeCursor(b)
	if err1 != nil || err2 != nil {
		return a != b
	}
	return n < m
}
