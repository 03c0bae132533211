package transform

import (
	"fmt"
	"strings"
)

// Gravity says which part of a picture a crop keeps. The zero Gravity is the centre.
type Gravity struct {
	Kind GravityKind
	X, Y int // of a focal point, in thousandths of the width and the height
}

// GravityKind is how the part is chosen.
type GravityKind uint8

const (
	GravityCompass   GravityKind = iota // the centre, an edge or a corner: X and Y are −1, 0 or 1
	GravityFocus                        // a point is as near to the middle as can be
	GravityAttention                    // what draws attention: edges, skin tones, saturated colours
	GravityEntropy                      // where the most detail is
)

// compass names the nine fixed places.
var compass = [...]struct {
	name string
	x, y int
}{
	{"center", 0, 0}, {"north", 0, -1}, {"northeast", 1, -1}, {"east", 1, 0}, {"southeast", 1, 1}, {"south", 0, 1},
	{"southwest", -1, 1}, {"west", -1, 0}, {"northwest", -1, -1},
}

// Looks reports whether the pixels decide.
func (g Gravity) Looks() bool { return g.Kind == GravityAttention || g.Kind == GravityEntropy }

// text is the canonical spelling, empty for the centre.
func (g Gravity) text() string {
	switch {
	case g == Gravity{}:
		return ""
	case g.Kind == GravityAttention:
		return "auto"
	case g.Kind == GravityEntropy:
		return "entropy"
	case g.Kind == GravityFocus:
		return "xy_" + decimal(g.X, 3) + "_" + decimal(g.Y, 3)
	}
	for _, place := range compass {
		if place.x == g.X && place.y == g.Y {
			return place.name
		}
	}
	panic(fmt.Sprintf("transform: no name for %+v", g))
}

// parseGravity gives what is wrong with the value, or "".
func parseGravity(value string) (g Gravity, wrong string) {
	switch value {
	case "auto":
		return Gravity{Kind: GravityAttention}, ""
	case "entropy":
		return Gravity{Kind: GravityEntropy}, ""
	}
	if at, ok := strings.CutPrefix(value, "xy_"); ok {
		return parseFocus(at)
	}
	for _, place := range compass {
		if place.name == value {
			return Gravity{X: place.x, Y: place.y}, ""
		}
	}
	return Gravity{}, "must be center, a direction such as northeast, auto, entropy, or xy_X_Y"
}

func parseFocus(at string) (g Gravity, wrong string) {
	x, y, ok := strings.Cut(at, "_")
	if !ok {
		return Gravity{}, "must name two coordinates: xy_X_Y"
	}
	g.Kind = GravityFocus
	if wrong = setDecimal(&g.X, x, 3, 0, 1000); wrong != "" {
		return Gravity{}, "coordinate " + wrong
	}
	if wrong = setDecimal(&g.Y, y, 3, 0, 1000); wrong != "" {
		return Gravity{}, "coordinate " + wrong
	}
	if g.X%500 == 0 && g.Y%500 == 0 { // one of the nine fixed places
		return Gravity{X: g.X/500 - 1, Y: g.Y/500 - 1}, ""
	}
	return g, ""
}

// place puts an area into a picture. Where the pixels decide, it is the centre.
func (g Gravity) place(inner, outer Size) Point {
	return Point{g.along(g.X, inner.Width, outer.Width), g.along(g.Y, inner.Height, outer.Height)}
}

func (g Gravity) along(at, inner, outer int) int {
	free := outer - inner
	switch {
	case g.Looks() || at == 0 && g.Kind == GravityCompass:
		return free / 2
	case g.Kind == GravityFocus:
		return min(max(0, (2*at*outer/1000-inner)/2), free)
	case at < 0:
		return 0
	default:
		return free
	}
}
