package judge

// Memory is what a plugin has to know of what its earlier instances have delivered.
type Memory int

// The kinds of memory.
const (
	Forgets     Memory = iota // nothing: its memory is that of the process
	Remembers                 // what SLS has answered, with state_path
	ExactlyOnce               // all of it, with exactly_once
)

// String is the word behind the first one of a last line.
func (m Memory) String() string {
	return [...]string{Forgets: "", Remembers: " state", ExactlyOnce: " exactly_once"}[m]
}
