// Package limits bounds what single clients and pictures may cost an edge: edge.Limiter, in memory of fixed size. What
// it forgets for want of room is forgotten in the client's favour.
package limits

import (
	"net/netip"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/limit"
)

// Options of a Limiter. Zero rates and counts are no limits.
type Options struct {
	MissIP   limit.Rate                  // work that one client causes
	ViewsIP  limit.Rate                  // answers to one client, in dialects that limit views
	Variants int                         // different results made of one picture in a day, where its account has no bound
	Remember int                         // results of all pictures together that are remembered for that, 1 Mi by default
	Site     func(netip.Addr) netip.Addr // puts together what is one client's, the zero Addr for nobody; default: each is another
	Now      func() time.Time
}

// defaultRemember takes about 20 MB.
const defaultRemember = 1 << 20

// Limiter implements edge.Limiter.
type Limiter struct {
	miss, views clients
	variants    *variants
	now         func() time.Time
}

// New makes a Limiter that has seen nobody.
func New(o Options) *Limiter {
	if o.Site == nil {
		o.Site = func(a netip.Addr) netip.Addr { return a }
	}
	if o.Remember == 0 {
		o.Remember = defaultRemember
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Limiter{
		miss:     clients{name: edge.LimitMissIP, rate: o.MissIP, site: o.Site, table: newTable(o.MissIP)},
		views:    clients{name: edge.LimitViewsIP, rate: o.ViewsIP, site: o.Site, table: newTable(o.ViewsIP)},
		variants: newVariants(o.Variants, o.Remember, o.Now),
		now:      o.Now,
	}
}

// Miss implements edge.Limiter.
func (l *Limiter) Miss(client netip.Addr) error { return l.miss.take(client, l.now()) }

// Unmiss implements edge.Limiter.
func (l *Limiter) Unmiss(client netip.Addr) { l.miss.give(client) }

// View implements edge.Limiter.
func (l *Limiter) View(client netip.Addr) error { return l.views.take(client, l.now()) }

// Variant implements edge.Limiter.
func (l *Limiter) Variant(job edge.Job) error { return l.variants.add(job) }

// clients keeps a rate for each client.
type clients struct {
	name  string
	rate  limit.Rate
	site  func(netip.Addr) netip.Addr
	table *table // nil without a limit
}

func (c *clients) take(client netip.Addr, now time.Time) error {
	if c.table == nil {
		return nil
	}
	site := c.site(client)
	if !site.IsValid() {
		return nil
	}
	pace := c.table.take(site, c.rate, now)
	if !pace.Refused() {
		return nil
	}
	return edge.LimitError(c.name, "too many requests from this address", pace)
}

func (c *clients) give(client netip.Addr) {
	if c.table != nil {
		c.table.give(c.site(client), c.rate)
	}
}
