package producer

import "time"

// The rooms' own constants that tests of the whole are about. Each room's tests hold it to
// them.
const (
	absentTries   = 3
	absentFor     = time.Minute
	probeEvery    = 2 * time.Second
	probePatience = time.Second
	maxRequests   = 512
	maxIdle       = 1000
	maxKnown      = 256
	maxRestored   = 64
	firstPause    = 100 * time.Millisecond
	longestPause  = 5 * time.Second
)
