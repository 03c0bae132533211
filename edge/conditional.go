package edge

import (
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// notModified decides If-None-Match and, only without it, If-Modified-Since (RFC 9110, section 13.2.2).
func notModified(h *fasthttp.RequestHeader, etag string, modified func() time.Time) bool {
	if tags := h.Peek("If-None-Match"); len(tags) > 0 {
		return matches(unsafeString(tags), etag)
	}
	text := h.Peek("If-Modified-Since")
	if len(text) == 0 {
		return false
	}
	since, err := fasthttp.ParseHTTPDate(text)
	return err == nil && !modified().After(since)
}

// matches compares weakly (RFC 9110, section 13.1.2) against a list of tags or «*».
func matches(list, etag string) bool {
	if strings.TrimSpace(list) == "*" {
		return true
	}
	for rest, more := list, true; more; {
		var tag string
		tag, rest, more = strings.Cut(rest, ",") // our tags hold no commas, so cutting others wrongly cannot match
		if strings.TrimPrefix(strings.TrimSpace(tag), "W/") == etag {
			return true
		}
	}
	return false
}

// rangeVerdict is what a Range header comes to.
type rangeVerdict uint8

const (
	rangeNone          rangeVerdict = iota // no Range, or one that may be ignored: several ranges, other units, odd text
	rangeOne                               // exactly one satisfiable range
	rangeUnsatisfiable                     // 416
)

// readRange takes a single byte range (RFC 9110, section 14.2) of a body with this size, unless If-Range names another
// entity.
func readRange(h *fasthttp.RequestHeader, size int64, etag string,
	modified func() time.Time) (from, length int64, v rangeVerdict) {
	spec, ok := strings.CutPrefix(unsafeString(h.Peek("Range")), "bytes=")
	if !ok || strings.Contains(spec, ",") || !ifRangeHolds(string(h.Peek("If-Range")), etag, modified) {
		return 0, 0, rangeNone
	}
	first, last, ok := strings.Cut(strings.TrimSpace(spec), "-")
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

// ifRangeHolds: absent, the very entity tag, or exactly our Last-Modified (RFC 9110, section 13.1.5).
func ifRangeHolds(value, etag string, modified func() time.Time) bool {
	if value == "" || value == etag {
		return true
	}
	at, err := fasthttp.ParseHTTPDate([]byte(value))
	return err == nil && at.Unix() == modified().Unix()
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
