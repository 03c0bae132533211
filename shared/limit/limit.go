// Package limit is how rates are written in settings and messages, and the arithmetic of keeping to them.
package limit

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rate is Count events in Per: as many at once, then evenly one after the other. The zero Rate is no limit.
type Rate struct {
	Count int
	Per   time.Duration
}

// maxCount keeps the interval between two events above a nanosecond.
const maxCount = 1_000_000

var units = map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour}

// Parse reads «20/m», «5/15m», «300/h» or «off».
func Parse(text string) (Rate, error) {
	if text == "off" {
		return Rate{}, nil
	}
	wrong := fmt.Errorf("must be off, or a limit like 20/m, 5/15m or 300/h, got %q", text)
	countText, perText, ok := strings.Cut(text, "/")
	count, good := plainCount(countText)
	if !ok || !good || perText == "" {
		return Rate{}, wrong
	}
	unit, ok := units[perText[len(perText)-1]]
	if !ok {
		return Rate{}, wrong
	}
	times := 1
	if digits := perText[:len(perText)-1]; digits != "" {
		if times, ok = plainCount(digits); !ok {
			return Rate{}, wrong
		}
	}
	return Rate{Count: count, Per: time.Duration(times) * unit}, nil
}

// plainCount reads 1 to maxCount in its one spelling.
func plainCount(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 1 && n <= maxCount && strconv.Itoa(n) == text
}

// String is what Parse reads back to the same Rate.
func (r Rate) String() string {
	if r.Off() {
		return "off"
	}
	name, unit := "s", time.Second
	switch {
	case r.Per%time.Hour == 0:
		name, unit = "h", time.Hour
	case r.Per%time.Minute == 0:
		name, unit = "m", time.Minute
	}
	if r.Per == unit {
		return fmt.Sprintf("%d/%s", r.Count, name)
	}
	return fmt.Sprintf("%d/%d%s", r.Count, r.Per/unit, name)
}

// UnmarshalText makes a Rate of a setting or a message.
func (r *Rate) UnmarshalText(text []byte) (err error) {
	*r, err = Parse(string(text))
	return err
}

// MarshalText is the inverse of UnmarshalText.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Off reports whether there is no limit.
func (r Rate) Off() bool { return r.Count < 1 || r.Per < time.Duration(r.Count) }

// Interval is the time after which one more event is allowed.
func (r Rate) Interval() time.Duration { return r.Per / time.Duration(r.Count) }

// Mark is all that is remembered of the events of one client: the time, in Unix nanoseconds, at which nothing of them
// counts any more (GCRA's theoretical arrival time). The zero Mark is a client without events.
type Mark int64

// Take is one more event at this time. It gives the Mark to be remembered, and what to tell the client; of an event
// that is refused nothing is remembered. The Rate must not be Off.
func (r Rate) Take(m Mark, now time.Time) (Mark, Pace) {
	at := now.UnixNano()
	next := max(int64(m), at) + int64(r.Interval())
	if over := next - at - int64(r.Per); over > 0 {
		return m, r.pace(int64(m), at, time.Duration(over))
	}
	return Mark(next), r.pace(next, at, 0)
}

// Give takes one event back.
func (r Rate) Give(m Mark) Mark { return m - Mark(r.Interval()) }

func (r Rate) pace(mark, at int64, wait time.Duration) Pace {
	left := int64(r.Per) - (mark - at)
	return Pace{Rate: r, Remaining: int(max(0, left) / int64(r.Interval())), Reset: time.Unix(0, mark), Wait: wait}
}

// Pace is how a client stands with a Rate.
type Pace struct {
	Rate      Rate
	Remaining int           // events that are allowed at once
	Reset     time.Time     // when all are again
	Wait      time.Duration // until an event is allowed; above 0 exactly when this one was refused
}

// Refused reports whether the event must not happen.
func (p Pace) Refused() bool { return p.Wait > 0 }
