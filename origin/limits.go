package origin

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pictor/pictor/shared/clientip"
	"github.com/pictor/pictor/shared/limit"
)

// The named limits. Each is set by PICTOR_LIMIT_<name>.
const (
	LimitUploadIP   = "UPLOAD_IP"   // uploads per client address
	LimitLoginIP    = "LOGIN_IP"    // failed sign-ins per client address
	LimitLoginEmail = "LOGIN_EMAIL" // failed sign-ins, and failed changes of the password, per e-mail
	LimitSrcIP      = "IMGSRC_IP"   // img-src: calls without valid credentials, per client address
	LimitSrcFree    = "IMGSRC_FREE" // img-src: calls of an account on the plan free; file 004, «Rate Limiting»
	LimitSrcPro     = "IMGSRC_PRO"  // the same on the plan pro
)

// Limits is the table of limits by name.
type Limits map[string]limit.Rate

// DefaultLimits is the table of all limits there are.
func DefaultLimits() Limits {
	return Limits{
		LimitUploadIP:   {Count: 20, Per: time.Minute},
		LimitLoginIP:    {Count: 20, Per: 15 * time.Minute},
		LimitLoginEmail: {Count: 5, Per: 15 * time.Minute},
		LimitSrcIP:      {Count: 100, Per: time.Minute},
		LimitSrcFree:    {Count: 100, Per: time.Minute},
		LimitSrcPro:     {Count: 500, Per: time.Minute},
	}
}

// limiters are the limits in use; those that are off are left out.
type limiters struct {
	now    func() time.Time
	byName map[string]*limiter
}

func newLimiters(table Limits, now func() time.Time) (limiters, error) {
	known := DefaultLimits()
	ls := limiters{now: now, byName: map[string]*limiter{}}
	for name, rate := range table {
		if _, ok := known[name]; !ok {
			return limiters{}, fmt.Errorf("PICTOR_LIMIT_%s: no such limit, there are %s", name,
				strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		if rate == (limit.Rate{}) {
			continue
		}
		if rate.Off() {
			return limiters{}, fmt.Errorf("PICTOR_LIMIT_%s: %d in %s is no limit", name, rate.Count, rate.Per)
		}
		ls.byName[name] = &limiter{rate: rate, marks: map[limitKey]limit.Mark{}}
	}
	return ls, nil
}

// claim is one event to be counted under a named limit.
type claim struct{ limit, key string }

// take counts one event under each claim, or under none and gives a RateLimited error.
func (ls limiters) take(claims ...claim) error {
	for i, cl := range claims {
		if _, err := ls.takeOne(cl); err != nil {
			ls.giveBack(claims[:i]...)
			return err
		}
	}
	return nil
}

// takeOne counts one event and tells how the claimant stands, also with the RateLimited error. The Pace is zero where
// there is no limit.
func (ls limiters) takeOne(cl claim) (limit.Pace, error) {
	pace := ls.byName[cl.limit].take(cl.key, ls.now())
	if !pace.Refused() {
		return pace, nil
	}
	return pace, &Error{Kind: RateLimited, RetryAfter: pace.Wait,
		Message: fmt.Sprintf("too many requests, try again in %d s", int(math.Ceil(pace.Wait.Seconds())))}
}

// AllowCall counts one call under a named limit: of the account where who is known, of the client's address where not. It
// tells how they stand, also with the RateLimited error.
func (c *Core) AllowCall(name string, who Principal, from Client) (limit.Pace, error) {
	key := who.Account.ID
	if key == "" {
		key = from.limitKey()
	}
	return c.limits.takeOne(claim{name, key})
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

// limiter keeps the marks of those whom one limit counts. A mark whose time has passed is as good as none. A nil limiter
// allows everything.
type limiter struct {
	rate limit.Rate

	mu    sync.Mutex // never held across I/O
	marks map[limitKey]limit.Mark
}

// take counts an event, unless the Pace says that it is refused.
func (l *limiter) take(key string, now time.Time) limit.Pace {
	if l == nil {
		return limit.Pace{}
	}
	k := sha256.Sum256([]byte(key))
	l.mu.Lock()
	defer l.mu.Unlock()
	mark, known := l.marks[k]
	if !known {
		l.makeRoomLocked(now)
	}
	mark, pace := l.rate.Take(mark, now)
	l.marks[k] = mark
	return pace
}

func (l *limiter) giveBack(key string) {
	if l == nil {
		return
	}
	k := sha256.Sum256([]byte(key))
	l.mu.Lock()
	defer l.mu.Unlock()
	if mark, known := l.marks[k]; known {
		l.marks[k] = l.rate.Give(mark)
	}
}

// makeRoomLocked looks at a few keys, which Go's maps give in random order: the idle ones go, and if the map is full
// nevertheless, the one nearest to idle. So the cost of a flood of addresses is bounded, and making the limiter forget
// a key takes more requests than the key's limit was to prevent.
func (l *limiter) makeRoomLocked(now time.Time) {
	const sample = 8
	var next limitKey
	seen := 0
	for k, mark := range l.marks {
		if int64(mark) <= now.UnixNano() {
			delete(l.marks, k)
			continue
		}
		if seen == 0 || mark < l.marks[next] {
			next = k
		}
		if seen++; seen == sample {
			break
		}
	}
	if len(l.marks) >= maxLimitKeys {
		delete(l.marks, next)
	}
}

// limitKey is the site that limits count by.
func (from Client) limitKey() string {
	return clientip.Site(from.Address.Unmap().WithZone("")).String()
}
