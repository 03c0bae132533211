package delivery

import "strings"

// MaxTargetBytes bounds a request target.
const MaxTargetBytes = 4096

// Parse reads a raw request target: the bytes between method and version of the request line, not decoded in any way.
// Errors are *Error (400, or 404 where Route is set) or *transform.Error (400).
func Parse(target string) (Request, error) {
	if len(target) > MaxTargetBytes {
		return Request{}, invalid("the URL is too long")
	}
	path, query, _ := strings.Cut(target, "?")
	for _, shape := range shapes {
		rest, ok := strings.CutPrefix(path, shape.prefix)
		if !ok {
			continue
		}
		if err := checkPlain(path); err != nil {
			return Request{}, err
		}
		return shape.parse(rest, query)
	}
	return Request{}, errRoute
}

// shapes are the delivery URLs of the dialects. No prefix begins with another one.
var shapes = [...]struct {
	prefix string
	parse  func(rest, query string) (Request, error)
}{
	{CloudPrefix, parseCloud},
	{SrcPrefix, parseSrc},
}

var errRoute = &Error{Message: "no such route", Route: true}

// checkPlain refuses paths that have another spelling: percent-encodings, empty or dot segments, and bytes that have no
// place in a URL. One resource, one path: nothing in front of us can be tricked into reading it differently.
func checkPlain(path string) error {
	for i := range len(path) {
		c := path[i]
		switch {
		case c == '%':
			return invalid("percent-encoding is not needed in this path and not accepted")
		case c <= ' ', c >= 0x7f, c == '\\', c == '#':
			return invalid("the path holds a character that must not be in it")
		}
	}
	return nil
}
