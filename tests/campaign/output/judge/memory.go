package judge

// Memory is what a plugin has to know of what its earlier instances have delivered.
type Memory int

// The kinds of memory.
const (
	Forgets   Memory = iota // nothing: its memory is that of the process
	Remembers               // what SLS has answered, with state_path
	// ExactlyOnce is all of it, with exactly_once.
	ExactlyOnce
	// UntilSplit is ExactlyOnce where a split or a merge makes SLS forget its part. A number
	// without a clear answer may then be accepted once more, by another shard.
	UntilSplit
	// UntilFull is ExactlyOnce with a file that is too small for what comes again: what has
	// to go from it is sent again.
	UntilFull
)

// StateSize is the state_size with UntilFull, the least that there is.
const StateSize = 1 << 20

// kept is how many of the newest entries such a file has at least: of its frames of 64 bytes
// half, without a tenth for numbers that are open.
const kept = StateSize / 64 / 2 * 9 / 10

// String is the word behind the first one of a last line.
func (m Memory) String() string {
	return [...]string{Forgets: "", Remembers: " state", ExactlyOnce: " exactly_once", UntilSplit: " splits", UntilFull: " overflow"}[m]
}

// Numbered tells whether writes have sequence numbers.
func (m Memory) Numbered() bool { return m >= ExactlyOnce }
