package edge

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// conditions are what a request asks under: the preconditions of RFC 9110, section 13.1, and its range. The slices are
// parts of the request.
type conditions struct {
	match, noneMatch               condition
	modifiedSince, unmodifiedSince []byte
	rangeSpec, ifRange             []byte
	ranges                         int // Range lines; more than one is no range
}

// condition is a list of entity tags, which may come in several lines.
type condition struct{ given, holds bool }

func (c *condition) add(holds bool) { c.given, c.holds = true, c.holds || holds }

// conditionsOf reads them in one pass over the header, for the entity with this tag.
func conditionsOf(h *fasthttp.RequestHeader, etag string) (c conditions) {
	for name, value := range h.All() {
		switch string(name) {
		case "If-Match":
			c.match.add(matches(value, etag, false))
		case "If-None-Match":
			c.noneMatch.add(matches(value, etag, true))
		case "If-Modified-Since":
			c.modifiedSince = value
		case "If-Unmodified-Since":
			c.unmodifiedSince = value
		case "If-Range":
			c.ifRange = value
		case "Range":
			c.rangeSpec = value
			c.ranges++
		}
	}
	return c
}

// status evaluates the preconditions in the order of RFC 9110, section 13.2.2: 200 means «go on».
func (c *conditions) status(modified time.Time) int {
	switch {
	case c.match.given && !c.match.holds:
		return fasthttp.StatusPreconditionFailed
	case !c.match.given && laterThan(modified, c.unmodifiedSince):
		return fasthttp.StatusPreconditionFailed
	case c.noneMatch.holds:
		return fasthttp.StatusNotModified
	case !c.noneMatch.given && notLaterThan(modified, c.modifiedSince):
		return fasthttp.StatusNotModified
	}
	return fasthttp.StatusOK
}

// matches looks for the tag in a list of tags, or «*». Our own tags are strong; weak ones match them in the weak
// comparison only (RFC 9110, section 8.8.3.2).
func matches(list []byte, etag string, weak bool) bool {
	if string(bytes.TrimSpace(list)) == "*" {
		return true
	}
	for more := true; more; {
		var tag []byte
		tag, list, more = bytes.Cut(list, comma) // our tags hold no commas, so cutting others wrongly cannot match
		tag = bytes.TrimSpace(tag)
		if weak {
			tag = bytes.TrimPrefix(tag, weakPrefix)
		}
		if string(tag) == etag {
			return true
		}
	}
	return false
}

var comma, weakPrefix = []byte(","), []byte("W/")

// laterThan and notLaterThan are both false for dates that cannot be read.
func laterThan(modified time.Time, date []byte) bool {
	at, ok := readDate(date)
	return ok && modified.After(at)
}

func notLaterThan(modified time.Time, date []byte) bool {
	at, ok := readDate(date)
	return ok && !modified.After(at)
}

// readDate takes the format of today and the two of old that a recipient must accept (RFC 9110, section 5.6.7).
func readDate(text []byte) (time.Time, bool) {
	if len(text) == 0 {
		return time.Time{}, false
	}
	for _, layout := range [...]string{"Mon, 02 Jan 2006 15:04:05 GMT", "Monday, 02-Jan-06 15:04:05 GMT", time.ANSIC} {
		if at, err := time.Parse(layout, unsafeString(text)); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// rangeVerdict is what a Range header comes to.
type rangeVerdict uint8

const (
	rangeNone          rangeVerdict = iota // no Range, or one that may be ignored: several ranges, other units, odd text
	rangeOne                               // exactly one satisfiable range
	rangeUnsatisfiable                     // 416
)

// part takes a single byte range (RFC 9110, section 14.2) of a body with this size, unless If-Range names another
// entity.
func (c *conditions) part(size int64, etag string, modified time.Time) (from, length int64, v rangeVerdict) {
	const unit = "bytes="
	text := unsafeString(c.rangeSpec)
	if c.ranges != 1 || len(text) < len(unit) || !strings.EqualFold(text[:len(unit)], unit) ||
		strings.Contains(text, ",") || !c.ifRangeHolds(etag, modified) {
		return 0, 0, rangeNone
	}
	first, last, ok := strings.Cut(strings.TrimSpace(text[len(unit):]), "-")
	if !ok || first == "" && last == "" {
		return 0, 0, rangeNone
	}
	start, startOK := digits(first)
	end, endOK := digits(last)
	switch {
	case first == "": // the last so many bytes
		if !endOK {
			return 0, 0, rangeNone
		}
		if end == 0 || size == 0 {
			return 0, 0, rangeUnsatisfiable
		}
		return max(0, size-end), min(end, size), rangeOne
	case !startOK || last != "" && (!endOK || end < start):
		return 0, 0, rangeNone
	case start >= size:
		return 0, 0, rangeUnsatisfiable
	case last == "":
		end = size - 1
	}
	return start, min(end, size-1) - start + 1, rangeOne
}

// ifRangeHolds: absent, the very entity tag, or exactly our Last-Modified (RFC 9110, section 13.1.5), the zero time where
// that is a weak validator.
func (c *conditions) ifRangeHolds(etag string, modified time.Time) bool {
	if c.ifRange == nil || string(c.ifRange) == etag {
		return true
	}
	at, ok := readDate(c.ifRange)
	return ok && at.Equal(modified)
}

func digits(text string) (int64, bool) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 1<<63 - 1, true // beyond any size
	}
	return n, true
}
