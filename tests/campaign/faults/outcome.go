package faults

// Outcome is what a fault did to the answer of a write that was carried out.
type Outcome uint8

// The outcomes of a write.
const (
	Clear       Outcome = iota // the client was answered what happened
	Reset                      // accepted, then the connection was reset
	Late                       // accepted or not, answered after the client's time-out
	ServerError                // accepted, then answered 5xx
	outcomes
)

func (o Outcome) String() string {
	return [outcomes]string{"clear", "reset after accepting", "answer after the time-out", "5xx after accepting"}[o]
}
