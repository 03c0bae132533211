package report

import "fmt"

// Goal is a promise about a figure or about its ratio to others in the same run.
type Goal struct {
	Name    string
	Of      Key
	Per     []Key   // the figure is divided by the greatest of these, round by round; none: it is taken as it is
	AtLeast float64 // exactly one of these two is set
	AtMost  float64
	Unit    string // of a figure that is taken as it is

	Decimals int // printed of it; 0 stands for three significant digits
}

// Verdict is what became of a Goal.
type Verdict struct {
	Goal
	Measured bool
	Value    Spread
}

// Met reports whether the median keeps the promise. What was not measured does not.
func (v Verdict) Met() bool {
	if !v.Measured {
		return false
	}
	if v.AtMost > 0 {
		return v.Value.Median <= v.AtMost
	}
	return v.Value.Median >= v.AtLeast
}

// Promise is the goal in figures.
func (v Verdict) Promise() string {
	if v.AtMost > 0 {
		return "≤ " + v.figure(v.AtMost)
	}
	return "≥ " + v.figure(v.AtLeast)
}

// Figures is the measured value with its spread.
func (v Verdict) Figures() string {
	if !v.Measured {
		return "not measured"
	}
	return fmt.Sprintf("%s (%s–%s)", v.figure(v.Value.Median), v.number(v.Value.Min), v.number(v.Value.Max))
}

// Word is «met», «not met» or «not measured».
func (v Verdict) Word() string {
	switch {
	case !v.Measured:
		return "not measured"
	case v.Met():
		return "met"
	}
	return "**not met**"
}

func (v Verdict) figure(x float64) string {
	if len(v.Per) > 0 {
		return v.number(x) + "×"
	}
	return v.number(x) + " " + v.Unit
}

func (v Verdict) number(x float64) string {
	if v.Decimals > 0 {
		return fmt.Sprintf("%.*f", v.Decimals, x)
	}
	return number(x)
}

// Judge measures goals by figures.
func Judge(goals []Goal, f *Figures) []Verdict {
	var all []Verdict
	for _, g := range goals {
		v := Verdict{Goal: g}
		if len(g.Per) > 0 {
			v.Value, v.Measured = f.Ratio(g.Of, g.Per...)
		} else {
			v.Value, v.Measured = f.Spread(g.Of)
		}
		all = append(all, v)
	}
	return all
}

// number prints three significant digits, and thousands as «k».
func number(x float64) string {
	switch {
	case x >= 99_950:
		return fmt.Sprintf("%.0f k", x/1000)
	case x >= 9995:
		return fmt.Sprintf("%.1f k", x/1000)
	case x >= 99.95:
		return fmt.Sprintf("%.0f", x)
	case x >= 9.995:
		return fmt.Sprintf("%.1f", x)
	default:
		return fmt.Sprintf("%.2f", x)
	}
}
