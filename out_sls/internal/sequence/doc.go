// Package sequence numbers writes, so that SLS takes each of them once: it refuses a
// number that is not above the last one of its hash key.
//
// A logstore, or a hash bucket of it, has slots. A slot is a hash key of its own with the
// numbers under it, and one request at a time has it. A Turn is what a request has: a slot,
// and the numbers under which earlier flushes have sent logs of its segment without an
// answer that is clear. Of each number the journal has on file what it carries before it
// goes out. See Number.Answered for what an answer means.
//
// table.go has the slots, turn.go what one request does with its slot, parked.go the
// numbers whose segments are to come back, place.go the hash keys.
//
// The package sends nothing and knows no answers of SLS but by what they prove.
package sequence
