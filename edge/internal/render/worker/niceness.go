package worker

// Niceness keeps cached answers fast while pictures are rendered on the same cores; what nobody waits for gets only
// what is left.
const (
	niceness           = 10
	backgroundNiceness = 19
)
