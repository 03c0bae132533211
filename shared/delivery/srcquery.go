package delivery

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// srcQuery is the query of a delivery URL of the img-src dialect.
type srcQuery struct {
	srcWish
	version, sig, exp string
}

// parseSrcQuery reads a raw query. Parameters may be percent-encoded and come in any order; one given twice is refused,
// for caches and people read such a query in different ways. Parameters that are not known mean nothing.
func parseSrcQuery(query string) (q srcQuery, err error) {
	seen := map[string]bool{}
	for rest, more := query, query != ""; more; {
		var param string
		param, rest, more = strings.Cut(rest, "&")
		name, value, err := splitParam(param)
		if err != nil {
			return q, err
		}
		known, err := q.take(name, value)
		if err != nil {
			return q, err
		}
		if id := paramID(name); known && seen[id] {
			return q, invalid(id + ": given twice")
		} else if known {
			seen[id] = true
		}
	}
	return q, nil
}

func splitParam(param string) (name, value string, err error) {
	name, value, _ = strings.Cut(param, "=")
	if name, err = url.QueryUnescape(name); err != nil {
		return "", "", invalid("malformed query")
	}
	if value, err = url.QueryUnescape(value); err != nil {
		return "", "", invalid("malformed query")
	}
	return name, value, nil
}

// presetParam begins the name of the parameter that names a preset: ?p:hero.
const presetParam = "p:"

func paramID(name string) string {
	if strings.HasPrefix(name, presetParam) {
		return presetParam
	}
	return name
}

// take reads one parameter, and tells whether it is one.
func (q *srcQuery) take(name, value string) (known bool, err error) {
	if preset, ok := strings.CutPrefix(name, presetParam); ok {
		q.preset = preset
		return true, CheckPreset(preset)
	}
	switch name {
	case "v":
		q.version = value
		return true, nil
	case "sig", "exp":
		return true, q.takeProof(name, value)
	}
	add, ok := srcParams[name]
	if !ok {
		return false, nil
	}
	return true, add(&q.parts, name, value)
}

func (q *srcQuery) takeProof(name, value string) error {
	if value == "" || strings.ContainsAny(value, "\n\x00") {
		return errSignature
	}
	if name == "sig" {
		q.sig = value
	} else {
		q.exp = value
	}
	return nil
}

// SrcTransform compiles the parameters of an img-src preset into the text of a transform. Sizes are as large as the
// dialect allows, which a Spec may not be.
func SrcTransform(params map[string]string) (string, error) {
	var ps parts
	for name, value := range params {
		add, ok := srcParams[name]
		if !ok {
			return "", invalid(name + ": unknown parameter")
		}
		if err := add(&ps, name, value); err != nil {
			return "", err
		}
	}
	return ps.sorted().String(), nil
}

// srcParams is the query grammar of the dialect's contract, each parameter with what it adds to a transform. What is
// the default is added as an empty value, which takes a preset's away.
var srcParams = map[string]func(ps *parts, name, value string) error{
	"w":         number("w", maxSrcSide),
	"h":         number("h", maxSrcSide),
	"q":         number("q", 100),
	"fit":       word("c", srcFits),
	"aspect":    word("ar", map[string]string{"original": "", "1:1": "1:1", "4:3": "4:3", "16:9": "16:9", "3:2": "3:2", "21:9": "21:9"}),
	"dpr":       word("dpr", map[string]string{"1": "", "1.5": "1.5", "2": "2", "3": "3"}),
	"crop":      word("g", srcCrops),
	"grayscale": word("gr", map[string]string{"true": "1", "1": "1", "false": "", "0": ""}),
	"blur":      degree("bl", func(n int) int { return max(300, n*250) }, 1000),
	"sharpen":   degree("sh", func(n int) int { return n * 10 }, 100),
	"rotate":    word("r", map[string]string{"0": "", "auto": "", "90": "90", "180": "180", "270": "270"}),
	"flip":      word("fl", map[string]string{"h": "h", "v": "v", "both": "hv"}),
}

// maxSrcSide is what may be asked for; what is answered is scaled down into the limits.
const maxSrcSide = 10_000

// srcFits says how the dialect's words for a fit are called in a transform. Its «fill» stretches.
var srcFits = map[string]string{"cover": "fill", "contain": "inside", "fill": "scale", "scale-down": "fit"}

var srcCrops = map[string]string{"center": "", "top": "north", "bottom": "south", "left": "west", "right": "east",
	"top-left": "northwest", "top-right": "northeast", "bottom-left": "southwest", "bottom-right": "southeast",
	"attention": "auto", "entropy": "entropy"}

// SrcFit gives the transform's word for a fit of the dialect, and whether it is one.
func SrcFit(word string) (crop string, ok bool) {
	crop, ok = srcFits[word]
	return crop, ok
}

// SrcFitOf is the inverse of SrcFit.
func SrcFitOf(crop string) string {
	for word, name := range srcFits {
		if name == crop {
			return word
		}
	}
	return ""
}

// number takes 1 to most in plain digits.
func number(key string, most int) func(*parts, string, string) error {
	return func(ps *parts, name, value string) error {
		n, ok := plainNumber(value)
		if !ok || n < 1 || n > most {
			return invalid(fmt.Sprintf("%s: must be a whole number from 1 to %d", name, most))
		}
		*ps = ps.set(key, value)
		return nil
	}
}

// degree takes 0 to 100 and maps it onto units of a decimal; 0 is none.
func degree(key string, units func(int) int, unit int) func(*parts, string, string) error {
	return func(ps *parts, name, value string) error {
		n, ok := plainNumber(value)
		if !ok || n > 100 {
			return invalid(name + ": must be a whole number from 0 to 100")
		}
		if n == 0 {
			*ps = ps.set(key, "")
			return nil
		}
		*ps = ps.set(key, strconv.FormatFloat(float64(units(n))/float64(unit), 'f', -1, 64))
		return nil
	}
}

// word takes one of the words, each with the value it stands for.
func word(key string, values map[string]string) func(*parts, string, string) error {
	return func(ps *parts, name, text string) error {
		value, ok := values[text]
		if !ok {
			return invalid(name + ": must be one of " + strings.Join(sortedKeys(values), ", "))
		}
		*ps = ps.set(key, value)
		return nil
	}
}

// plainNumber reads a whole number in its one spelling.
func plainNumber(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 0 && strconv.Itoa(n) == text
}
