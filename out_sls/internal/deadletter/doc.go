// Package deadletter keeps the records that SLS refuses for good, and the bytes of a chunk
// that are no records: each is a line of JSON in dead_letter_file, with the original in it
// byte for byte. The file is rotated by size, private to its owner, and synced before the
// chunk has its answer.
//
// A request carries encoded logs only. So the originals are found by cutting the chunk
// again: that costs nothing while there are none.
package deadletter
