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
	if err := checkPlain(path); err != nil {
		return Request{}, err
	}
	if strings.ContainsFunc(query, outside) {
		return Request{}, invalid("the query holds a character that must not be in it")
	}
	for _, shape := range shapes {
		if rest, ok := strings.CutPrefix(path, shape.prefix); ok {
			return shape.parse(rest, query)
		}
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
	switch {
	case strings.Contains(path, "%"):
		return invalid("percent-encoding is not needed in this path and not accepted")
	case strings.ContainsFunc(path, outside):
		return invalid("the path holds a character that must not be in it")
	case strings.Contains(path, "//"), strings.Contains(path+"/", "/./"), strings.Contains(path+"/", "/../"):
		return invalid("the path has an empty segment or one that is only dots")
	}
	return nil
}

// outside marks what is no part of a URL but is sometimes repaired in one.
func outside(c rune) bool { return c <= ' ' || c >= 0x7f || c == '\\' || c == '#' }
