package imgsrc

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
)

// stamp is a time as the dialect writes it where it is text: RFC 3339 in UTC, with milliseconds.
type stamp time.Time

// MarshalText implements encoding.TextMarshaler.
func (s stamp) MarshalText() ([]byte, error) {
	return time.Time(s).UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z07:00"), nil
}

// maybeEpoch is a time as a number of seconds, left out when zero.
func maybeEpoch(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	seconds := t.Unix()
	return &seconds
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

// number is a whole number of at least least; 0 when none is given.
func (q query) number(name string, least int) (int, error) {
	text := q.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least {
		return 0, origin.Errorf(origin.Invalid, "%s: must be a whole number from %d on", name, least)
	}
	return n, nil
}

// each maps a list; an empty one becomes [] and not null.
func each[T, U any](list []T, to func(T) U) []U {
	out := make([]U, 0, len(list))
	for _, item := range list {
		out = append(out, to(item))
	}
	return out
}

// done is the answer where there is nothing else to say.
type done struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}

func writeDone(w http.ResponseWriter, message string) error {
	return kit.WriteJSON(w, http.StatusOK, done{true, message})
}
