package report

// Series is a line of a plot: figures over something that is not a case.
type Series struct {
	Plot, Name string
	X, Y       []float64
}
