package edge

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/limit"
	"github.com/pictor/pictor/shared/wire"
)

// Names of the limits, in metrics.
const (
	LimitMissIP          = "miss_ip"
	LimitViewsIP         = "views_ip"
	LimitVariants        = "variants"
	LimitAccountRequests = "account_requests"
	LimitAccountMisses   = "account_misses"
)

// LimitNames lists them.
var LimitNames = []string{LimitMissIP, LimitViewsIP, LimitVariants, LimitAccountRequests, LimitAccountMisses}

// Exceeded says which limit refused a request.
type Exceeded struct {
	Name string
	Pace limit.Pace
}

// LimitError is the error of a request that the named limit refuses.
func LimitError(name, message string, pace limit.Pace) *Error {
	return &Error{Kind: Limited, Message: message, RetryAfter: pace.Wait, Limit: &Exceeded{name, pace}}
}

// Making says how far a node may go for a result that does not exist yet.
type Making uint8

const (
	MakeCounted Making = iota // as long as there are not too many variants of the picture, see Job.Variants
	MakeAny                   // in any case: the wish was signed, or the account may have any number
	MakeNothing               // not at all: what there is may be shown
)

var (
	errNotMade    = &Error{Kind: Limited, Message: "the image does not exist in this form, and none was to be made"}
	errNewVariant = &Error{Kind: Forbidden, Message: "the image does not exist in this form: a signed URL is needed to make it"}
)

// flight names the work on a job. Who may go further must not wait for the refusal of somebody else's.
func (j Job) flight() Key {
	key := j.Key() + makingSuffix[j.Making]
	if j.Making == MakeCounted && j.Variants > 0 {
		key += Key("#" + strconv.Itoa(j.Variants))
	}
	if len(j.Fallbacks) > 0 {
		key += "~"
	}
	return key
}

var makingSuffix = [...]Key{MakeCounted: "", MakeAny: "!", MakeNothing: "?"}

// mayMake decides whether a job's result, which does not exist, is made.
func (e *Edge) mayMake(job Job) error {
	switch {
	case job.Making == MakeNothing:
		return errNotMade
	case job.Making == MakeAny || job.Spec.IsZero():
		return nil
	default:
		return e.Limiter.Variant(job)
	}
}

// admit counts one answer where the account or the dialect limits how many there may be. None of the dialects that there
// are does: one that limits views, as file 001 does under /i/, sets CountView in what delivery.Parse gives, and
// PICTOR_EDGE_LIMIT_VIEWS_IP holds for it.
func (e *Edge) admit(r *answer, req *delivery.Request, known *Known) error {
	if err := known.Meter.request(r.start); err != nil {
		return err
	}
	if req.CountView {
		return e.Limiter.View(e.Client(r.c))
	}
	return nil
}

// bill is what a request has been charged for the work that it causes.
type bill struct {
	client, account bool
	asked           bool // the origin, for what the name means: the client's share is not given back
}

// buy charges for the job's result, and says in the job how far the making may go. The error is what to answer when
// nothing is there and nothing may be made.
func (r *answer) buy(job *Job) error {
	signed, account := r.req.Signature.Given, r.known.Meter
	job.Making, job.Variants = account.making(signed)
	if !signed && account.signedOnly(r.edge.Policy.SignedOnly) && !r.req.Chosen() {
		job.Making = MakeNothing
		return errNewVariant
	}
	if err := r.charge(); err != nil {
		job.Making = MakeNothing
		return err
	}
	return nil
}

// charge counts work that the request causes, once, against its client and, when it is known, the picture's account.
func (r *answer) charge() error {
	fresh := !r.bill.client
	if fresh {
		if err := r.edge.Limiter.Miss(r.edge.Client(r.c)); err != nil {
			return err
		}
		r.bill.client = true
	}
	if r.known == nil || r.bill.account {
		return nil
	}
	if err := r.known.Meter.miss(r.start); err != nil {
		if fresh {
			r.refundClient()
		}
		return err
	}
	r.bill.account = true
	return nil
}

// refund gives back what was charged for a result that turned out to be there already.
func (r *answer) refund(got found) {
	if got.from.made() || !r.bill.account {
		return
	}
	r.known.Meter.unmiss()
	r.bill.account = false
	if !r.bill.asked {
		r.refundClient()
	}
}

func (r *answer) refundClient() {
	r.edge.Limiter.Unmiss(r.edge.Client(r.c))
	r.bill.client = false
}

// accountLimits are an account's limits, and when they were read.
type accountLimits struct {
	wire.AccountLimits
	log, seq uint64
}

func (l *accountLimits) before(log, seq uint64) bool {
	return l.log < log || l.log == log && l.seq <= seq
}

// Limit sets the account's limits, nil for none, as they were read at a number of the change log. What was read before
// those that are known means nothing: answers of the origin overtake each other. Logs whose numbers cannot be compared
// are numbered themselves.
func (c *Counter) Limit(l *wire.AccountLimits, log, seq uint64) {
	next := &accountLimits{log: log, seq: seq}
	if l != nil {
		next.AccountLimits = *l
	}
	known := c.limits.Load()
	for known == nil || known.before(log, seq) {
		if c.limits.CompareAndSwap(known, next) {
			c.forgive(known, next)
			return
		}
		known = c.limits.Load()
	}
}

// forgive forgets what was counted under rates that hold no more: a mark means nothing under another rate, and who is
// given more would be refused until the old time is over.
func (c *Counter) forgive(before, now *accountLimits) {
	if before != nil && before.Requests != now.Requests {
		c.answers.Store(0)
	}
	if before != nil && before.Misses != now.Misses {
		c.work.Store(0)
	}
}

// making says how far a node may go for a result that does not exist yet, and Job.Variants.
func (c *Counter) making(signed bool) (Making, int) {
	l := c.limits.Load()
	switch {
	case signed:
		return MakeAny, 0
	case l == nil || l.Variants == nil:
		return MakeCounted, 0
	case *l.Variants == 0:
		return MakeAny, 0
	default:
		return MakeCounted, *l.Variants
	}
}

// signedOnly reports whether unsigned URLs get only what exists: the account's own rule, or else the node's.
func (c *Counter) signedOnly(otherwise bool) bool {
	l := c.limits.Load()
	if l == nil || l.NewVariants == "" {
		return otherwise
	}
	return l.NewVariants == wire.NewVariantsSigned
}

// rules lists the account's limits for people, "" for none.
func (c *Counter) rules() string {
	l := c.limits.Load()
	if l == nil {
		return ""
	}
	var rules []string
	add := func(name, text string) { rules = append(rules, name+" "+text) }
	if !l.Requests.Off() {
		add("requests", l.Requests.String())
	}
	if !l.Misses.Off() {
		add("misses", l.Misses.String())
	}
	if l.Variants != nil {
		add("variants", strconv.Itoa(*l.Variants))
	}
	if l.NewVariants != "" {
		add("new variants", l.NewVariants)
	}
	return strings.Join(rules, ", ")
}

// request counts one answer.
func (c *Counter) request(now time.Time) error {
	l := c.limits.Load()
	if l == nil || l.Requests.Off() {
		return nil
	}
	if pace := c.answers.take(l.Requests, now); pace.Refused() {
		return LimitError(LimitAccountRequests, "too many requests for the images of this account", pace)
	}
	return nil
}

// miss counts a piece of work.
func (c *Counter) miss(now time.Time) error {
	l := c.limits.Load()
	if l == nil || l.Misses.Off() {
		return nil
	}
	if pace := c.work.take(l.Misses, now); pace.Refused() {
		return LimitError(LimitAccountMisses, "too much work for the images of this account", pace)
	}
	return nil
}

// unmiss takes a piece of work back.
func (c *Counter) unmiss() {
	if l := c.limits.Load(); l != nil && !l.Misses.Off() {
		c.work.give(l.Misses)
	}
}

// take is limit.Rate.Take without a lock: an account's hits come from all cores.
func (m *mark) take(rate limit.Rate, now time.Time) limit.Pace {
	for {
		before := m.Load()
		next, pace := rate.Take(limit.Mark(before), now)
		if m.CompareAndSwap(before, int64(next)) {
			return pace
		}
	}
}

func (m *mark) give(rate limit.Rate) { m.Add(-int64(rate.Interval())) }

// rateHeaders tells how the client stands with the limit that refused it; the reset is in Unix seconds, as file 004 has
// it under «Rate Limiting».
func (r *answer) rateHeaders(err error) {
	e, ok := err.(*Error)
	if !ok || e.Limit == nil {
		return
	}
	h, pace := &r.c.Response.Header, e.Limit.Pace
	h.Set("X-RateLimit-Limit", strconv.Itoa(pace.Rate.Count))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(pace.Remaining))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(int64(math.Ceil(float64(pace.Reset.UnixNano())/1e9)), 10))
}
