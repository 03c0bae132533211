package worker

// niceness keeps cached answers fast while pictures are rendered on the same cores.
const niceness = 10
