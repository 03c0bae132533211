package imgcloud

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pictor/pictor/origin"
)

// stamp is a time as the dialect writes it: RFC 3339 in UTC, whole seconds.
type stamp time.Time

// MarshalText implements encoding.TextMarshaler.
func (s stamp) MarshalText() ([]byte, error) {
	return time.Time(s).UTC().AppendFormat(nil, time.RFC3339), nil
}

// maybeStamp makes null of the zero time.
func maybeStamp(t time.Time) *stamp {
	if t.IsZero() {
		return nil
	}
	return (*stamp)(&t)
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// each maps a list; an empty one becomes [] and not null.
func each[T, U any](list []T, to func(T) U) []U {
	out := make([]U, 0, len(list))
	for _, item := range list {
		out = append(out, to(item))
	}
	return out
}

// query is a parsed query string. Parameters that a call does not know mean nothing.
type query struct{ url.Values }

func readQuery(r *http.Request) (query, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return query{}, origin.Errorf(origin.Invalid, "malformed query string")
	}
	return query{values}, nil
}

// limit is the page length asked for; 0, the core's default, when none is.
func (q query) limit() (int, error) {
	text := q.Get("limit")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, origin.Errorf(origin.Invalid, "limit: must be a whole number from 1 on")
	}
	return n, nil
}

func parseBool(name, text string) (bool, error) {
	switch text {
	case "true":
		return true, nil
	case "false", "":
		return false, nil
	}
	return false, origin.Errorf(origin.Invalid, "%s: must be true or false", name)
}

// tagList is a JSON array of tags or, as the SDKs of file 003 send them, one comma-separated string.
type tagList []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *tagList) UnmarshalJSON(text []byte) error {
	var joined string
	if err := json.Unmarshal(text, &joined); err == nil {
		*t = splitTags(joined)
		return nil
	}
	var list []string
	if err := json.Unmarshal(text, &list); err != nil {
		return origin.Errorf(origin.Invalid, "tags: must be an array of strings or one comma-separated string")
	}
	*t = list
	return nil
}

// cacheAge is a lifetime in caches as clients change it: a number of seconds, alone or as text; null or an empty text
// gives it back to the edges.
type cacheAge struct{ given *origin.CacheAge }

// UnmarshalJSON implements json.Unmarshaler.
func (c *cacheAge) UnmarshalJSON(text []byte) error {
	plain := "" // as null leaves it
	if err := json.Unmarshal(text, &plain); err != nil {
		plain = string(text) // a number, or nonsense
	}
	age, err := parseCacheAge(plain)
	c.given = &age
	return err
}

// parseCacheAge reads seconds; nothing leaves the lifetime to the edges. What is too long, the core says.
func parseCacheAge(text string) (origin.CacheAge, error) {
	if text == "" {
		return origin.CacheAge{}, nil
	}
	seconds, err := strconv.ParseUint(text, 10, 32) // 32 bits of seconds fit into a Duration
	if err != nil {
		return origin.CacheAge{}, origin.Errorf(origin.Invalid, "cache_max_age: must be a whole number of seconds")
	}
	return origin.CacheAge{Given: true, Age: time.Duration(seconds) * time.Second}, nil
}

// splitTags takes a comma-separated list apart; nothing gives no tags.
func splitTags(text string) []string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return strings.Split(text, ",")
}
