package transform

import (
	"fmt"
	"strconv"
	"strings"
)

// String is the canonical text of the Spec: keys in alphabetical order, defaults left out, dpr multiplied in. Parse
// reads it back to an equal Spec. The zero Spec is the empty string, which Parse does not take.
func (s Spec) String() string {
	var b strings.Builder
	put := func(key, value string) {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(key)
		b.WriteByte('_')
		b.WriteString(value)
	}
	if s.Background.Set {
		put("bg", fmt.Sprintf("%02x%02x%02x", s.Background.R, s.Background.G, s.Background.B))
	}
	if s.Sigma != 0 {
		put("bl", decimal(s.Sigma, 3))
	}
	if s.Crop > CropFit {
		put("c", s.Crop.String())
	}
	if s.Format != FormatSource {
		put("f", s.Format.String())
	}
	if s.Gray {
		put("gr", "1")
	}
	if s.Height != 0 {
		put("h", strconv.Itoa(s.Height))
	}
	if s.Quality != 0 {
		put("q", strconv.Itoa(s.Quality))
	}
	if s.Angle != 0 {
		put("r", decimal(s.Angle, 2))
	}
	if s.Width != 0 {
		put("w", strconv.Itoa(s.Width))
	}
	return b.String()
}
