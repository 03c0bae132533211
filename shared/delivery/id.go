// Package delivery knows the shapes of delivery URLs: from a raw request target to a Request, and back.
package delivery

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pictor/pictor/shared/transform"
)

// MaxIDBytes bounds a public id.
const MaxIDBytes = 200

// CheckID says what is wrong with a public id: it is made of segments of [A-Za-z0-9._~-] joined by «/», none of them
// beginning with a dot, and must not read as a transform in front of an id.
func CheckID(id string) error {
	if err := checkSegments(id); err != nil {
		return err
	}
	if first, _, more := strings.Cut(id, "/"); more && transform.Reserved(first) {
		return fmt.Errorf("%q would be read as a transform", first)
	}
	return nil
}

func checkSegments(id string) error {
	if id == "" {
		return errors.New("is empty")
	}
	if len(id) > MaxIDBytes {
		return fmt.Errorf("is longer than %d bytes", MaxIDBytes)
	}
	start := true
	for i := range len(id) {
		c := id[i]
		switch {
		case start && c == '/', start && c == '.':
			return errors.New("has an empty segment or one that begins with a dot")
		case c == '/':
			start = true
			continue
		case !idByte[c]:
			return errors.New("may hold only letters, digits and . _ ~ - in segments joined by /")
		}
		start = false
	}
	if start {
		return errors.New("ends with a slash")
	}
	return nil
}

// idByte marks the unreserved characters of RFC 3986.
var idByte = func() (table [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-") {
		table[c] = true
	}
	return table
}()
