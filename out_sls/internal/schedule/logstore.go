package schedule

import (
	"container/list"
	"time"

	"fluent-bit-sls/out_sls/internal/segment"
	"fluent-bit-sls/shared/sls"
)

// LogstoreID names a logstore.
type LogstoreID struct{ Project, Logstore string }

// logstore bounds the requests in flight to one logstore, and knows how it is doing.
// Scheduler.mu guards it.
type logstore struct {
	scheduler *Scheduler
	id        LogstoreID
	queues    map[segment.Address]*queue
	batch     nextBatch
	ready     list.List     // of *queue or *nextBatch: a request for them may begin
	inFlight  int           // requests, those included that pause before they are sent again
	used      time.Time     // last
	inReady   *list.Element // in Scheduler.ready; nil = no request may begin
	inWorking *list.Element // in Scheduler.working

	// allowed is how many requests may be under way at once: it grows by one for
	// as many successes, and halves when SLS throttles (additive increase,
	// multiplicative decrease), between 1 and the option concurrency.
	allowed float64
	halved  time.Time       // last
	sending int             // requests under way
	turns   []chan struct{} // closed in order, each lets a request be under way

	failures int       // in a row, throttling aside
	since    time.Time // of the first of them
	health   health
	chosen   bool      // by a template, so that its records have another way
	absent   time.Time // when SLS last said that it is not there; zero = it has not
}

// A logstore is down after this many failures in a row over this time, if others work.
const (
	downAfter    = 3
	downDuration = 2 * time.Second
)

// place makes l ready if a request of its next batch or a queue may begin.
func (l *logstore) place() {
	l.scheduler.placeNextBatch(&l.batch)
	l.scheduler.placeLogstore(l)
}

// passTurn ends a request under way, and lets those go on that may.
func (l *logstore) passTurn() {
	l.sending--
	for len(l.turns) > 0 && l.sending < int(l.allowed) {
		l.sending++
		close(l.turns[0])
		l.turns = l.turns[1:]
	}
}

// A template can name a logstore or project that SLS does not have. Nobody may ever make
// it, and a chunk that is tried for ever keeps one of the engine's tasks, of which there
// are 2048. So after absentTries answers that say so, the records go to the static
// defaults, and so do those that come later. (Records that name what allow_destinations
// does not have go there, too.) Every absentFor one request asks again. What the operator
// has typed is waited for.
const (
	absentTries = 3
	absentFor   = time.Minute
)

// saysAbsent tells whether SLS says that a logstore or project is not there.
func saysAbsent(err error) bool {
	return sls.IsCode(err, "LogStoreNotExist") || sls.IsCode(err, "ProjectNotExist")
}
