package origin

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The named limits. Each is set by PICTOR_LIMIT_<name>.
const (
	LimitUploadIP   = "UPLOAD_IP"   // uploads per client address
	LimitLoginIP    = "LOGIN_IP"    // failed sign-ins per client address
	LimitLoginEmail = "LOGIN_EMAIL" // failed sign-ins, and failed changes of the password, per e-mail
)

// Limits is the table of limits by name.
type Limits map[string]Limit

// DefaultLimits is the table of all limits there are.
func DefaultLimits() Limits {
	return Limits{
		LimitUploadIP:   {20, time.Minute},
		LimitLoginIP:    {20, 15 * time.Minute},
		LimitLoginEmail: {5, 15 * time.Minute},
	}
}

// Limit is Count events in Per: as many at once, then evenly one after the other. The zero Limit is off.
type Limit struct {
	Count int
	Per   time.Duration
}

const maxLimitCount = 1_000_000

var limitUnits = map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour}

// ParseLimit reads «20/m», «5/15m», «300/h» or «off».
func ParseLimit(text string) (Limit, error) {
	if text == "off" {
		return Limit{}, nil
	}
	wrong := fmt.Errorf("must be off, or a limit like 20/m, 5/15m or 300/h, got %q", text)
	countText, perText, ok := strings.Cut(text, "/")
	count, good := plainCount(countText)
	if !ok || !good || perText == "" {
		return Limit{}, wrong
	}
	unit, ok := limitUnits[perText[len(perText)-1]]
	if !ok {
		return Limit{}, wrong
	}
	units := 1
	if digits := perText[:len(perText)-1]; digits != "" {
		if units, ok = plainCount(digits); !ok {
			return Limit{}, wrong
		}
	}
	return Limit{Count: count, Per: time.Duration(units) * unit}, nil
}

// plainCount reads 1 to maxLimitCount in its one spelling.
func plainCount(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 1 && n <= maxLimitCount && strconv.Itoa(n) == text
}

// String is what ParseLimit reads back to the same limit.
func (l Limit) String() string {
	if l.off() {
		return "off"
	}
	name, unit := "s", time.Second
	switch {
	case l.Per%time.Hour == 0:
		name, unit = "h", time.Hour
	case l.Per%time.Minute == 0:
		name, unit = "m", time.Minute
	}
	if l.Per == unit {
		return fmt.Sprintf("%d/%s", l.Count, name)
	}
	return fmt.Sprintf("%d/%d%s", l.Count, l.Per/unit, name)
}

func (l Limit) off() bool { return l == Limit{} }

// limiters are the limits in use; those that are off are left out.
type limiters struct {
	now    func() time.Time
	byName map[string]*limiter
}

func newLimiters(table Limits, now func() time.Time) (limiters, error) {
	known := DefaultLimits()
	ls := limiters{now: now, byName: map[string]*limiter{}}
	for name, limit := range table {
		if _, ok := known[name]; !ok {
			return limiters{}, fmt.Errorf("PICTOR_LIMIT_%s: no such limit, there are %s", name,
				strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		if limit.off() {
			continue
		}
		if limit.Count < 1 || limit.Count > maxLimitCount || limit.Per < time.Duration(limit.Count) {
			return limiters{}, fmt.Errorf("PICTOR_LIMIT_%s: %d in %s is no limit", name, limit.Count, limit.Per)
		}
		ls.byName[name] = &limiter{limit: limit, whole: map[limitKey]time.Time{}}
	}
	return ls, nil
}

// claim is one event to be counted under a named limit.
type claim struct{ limit, key string }

// take counts one event under each claim, or under none and gives a RateLimited error.
func (ls limiters) take(claims ...claim) error {
	now := ls.now()
	for i, cl := range claims {
		wait := ls.byName[cl.limit].take(cl.key, now)
		if wait == 0 {
			continue
		}
		ls.giveBack(claims[:i]...)
		return &Error{Kind: RateLimited, RetryAfter: wait,
			Message: fmt.Sprintf("too many requests, try again in %d s", int(math.Ceil(wait.Seconds())))}
	}
	return nil
}

// giveBack undoes a take.
func (ls limiters) giveBack(claims ...claim) {
	for _, cl := range claims {
		ls.byName[cl.limit].giveBack(cl.key)
	}
}

// maxLimitKeys bounds what one limiter remembers, to some 10 MB.
const maxLimitKeys = 100_000

// limitKey is the hash of a key, so that long keys take no more room.
type limitKey = [sha256.Size]byte

// limiter is the generic cell rate algorithm: of each key it knows only when its allowance is whole again, and a key
// whose time has passed is as good as unknown. A nil limiter allows everything.
type limiter struct {
	limit Limit

	mu    sync.Mutex // never held across I/O
	whole map[limitKey]time.Time
}

// take counts an event, or gives how long to wait until one would be allowed.
func (l *limiter) take(key string, now time.Time) (wait time.Duration) {
	if l == nil {
		return 0
	}
	k := sha256.Sum256([]byte(key))
	l.mu.Lock()
	defer l.mu.Unlock()
	whole, known := l.whole[k]
	if !known {
		l.makeRoomLocked(now)
	}
	if whole.Before(now) {
		whole = now
	}
	if wait = whole.Sub(now) - time.Duration(l.limit.Count-1)*l.interval(); wait > 0 {
		return wait
	}
	l.whole[k] = whole.Add(l.interval())
	return 0
}

func (l *limiter) giveBack(key string) {
	if l == nil {
		return
	}
	k := sha256.Sum256([]byte(key))
	l.mu.Lock()
	defer l.mu.Unlock()
	if whole, known := l.whole[k]; known {
		l.whole[k] = whole.Add(-l.interval())
	}
}

// interval is the time in which one event of the allowance comes back.
func (l *limiter) interval() time.Duration { return l.limit.Per / time.Duration(l.limit.Count) }

// makeRoomLocked looks at a few keys, which Go's maps give in random order: the idle ones go, and if the map is full
// nevertheless, the one nearest to idle. So the cost of a flood of addresses is bounded, and making the limiter forget
// a key takes more requests than the key's limit was to prevent.
func (l *limiter) makeRoomLocked(now time.Time) {
	const sample = 8
	var next limitKey
	seen := 0
	for k, whole := range l.whole {
		if !whole.After(now) {
			delete(l.whole, k)
			continue
		}
		if seen == 0 || whole.Before(l.whole[next]) {
			next = k
		}
		if seen++; seen == sample {
			break
		}
	}
	if len(l.whole) >= maxLimitKeys {
		delete(l.whole, next)
	}
}

// limitKey is the address that limits count by. IPv6 counts by /64, which is what one customer is given at least.
func (from Client) limitKey() string {
	address := from.Address.Unmap().WithZone("")
	if address.Is6() {
		return netip.PrefixFrom(address, 64).Masked().String()
	}
	return address.String()
}
