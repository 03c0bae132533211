package origin

import (
	"context"
	"regexp"
	"time"

	"github.com/pictor/pictor/shared/wire"
)

// UsageSummary is what an account, or everybody, stores and has had delivered.
type UsageSummary struct {
	Assets         int64
	StorageBytes   int64 // of the originals, each asset counted in full
	Requests       int64
	BandwidthBytes int64
	Renders        int64 // answers that had to be rendered
	Activity
}

// Activity is what an account did itself.
type Activity struct {
	Uploads int64
	Calls   int64 // with API keys
}

// Usage sums what one stores now, and what was delivered of it since periodStart, the beginning of this calendar month
// in UTC; everybody's with all, which is for administrators.
func (c *Core) Usage(ctx context.Context, who Principal, all bool) (sum UsageSummary, periodStart time.Time, err error) {
	if err := who.mustRead(); err != nil {
		return UsageSummary{}, time.Time{}, err
	}
	account := who.Account.ID
	if all {
		if err := who.mustBeAdmin(); err != nil {
			return UsageSummary{}, time.Time{}, err
		}
		account = ""
	}
	if err := c.FlushUses(ctx); err != nil {
		return UsageSummary{}, time.Time{}, err
	}
	now := c.cfg.Now().UTC()
	periodStart = time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	err = c.cfg.Store.View(ctx, func(tx ReadTx) (err error) {
		sum, err = tx.Usage(account, periodStart)
		return err
	})
	return sum, periodStart, err
}

// Lifetime sums up one's own usage since the beginning.
func (c *Core) Lifetime(ctx context.Context, who Principal) (sum UsageSummary, err error) {
	if err := who.mustRead(); err != nil {
		return UsageSummary{}, err
	}
	err = c.cfg.Store.View(ctx, func(tx ReadTx) (err error) {
		sum, err = tx.Usage(who.Account.ID, time.Time{})
		return err
	})
	return sum, err
}

const (
	maxUsageEntries  = 10_000
	maxUsageIDBytes  = 100
	maxUsageQuantity = 1 << 50 // per entry; sums of these stay within an int64
)

// RecordUsage counts what an edge served. A batch that was already counted is no error.
func (c *Core) RecordUsage(ctx context.Context, batch wire.UsageBatch) error {
	if batch.ID == "" || len(batch.ID) > maxUsageIDBytes {
		return Errorf(Invalid, "a usage batch needs an id of 1 to %d bytes", maxUsageIDBytes)
	}
	if len(batch.Entries) > maxUsageEntries || len(batch.Colours) > maxUsageEntries ||
		len(batch.Presets) > maxUsageEntries {
		return Errorf(Invalid, "a usage batch can have at most %d entries, colours and presets", maxUsageEntries)
	}
	for _, e := range batch.Entries {
		if err := checkUsage(e); err != nil {
			return err
		}
	}
	for _, colour := range batch.Colours {
		if err := checkColour(colour); err != nil {
			return err
		}
	}
	for _, used := range batch.Presets {
		if used.Uses < 0 || used.Uses > maxUsageQuantity {
			return Errorf(Invalid, "usage out of range")
		}
	}
	return c.cfg.Store.Update(ctx, func(tx Tx) error {
		_, err := tx.AddUsage(batch)
		return err
	})
}

func checkUsage(e wire.Usage) error {
	if e.Account == "" || len(e.Account) > maxUsageIDBytes {
		return Errorf(Invalid, "usage without a proper account")
	}
	if _, err := time.Parse(time.DateOnly, e.Day); err != nil {
		return Errorf(Invalid, "usage on %q, which is no day", e.Day)
	}
	for _, quantity := range []int64{e.Requests, e.Bytes, e.Renders} {
		if quantity < 0 || quantity > maxUsageQuantity {
			return Errorf(Invalid, "usage out of range")
		}
	}
	return nil
}

var colourText = regexp.MustCompile(`^#[0-9a-f]{6}$`)

func checkColour(c wire.Colour) error {
	if !colourText.MatchString(c.Colour) || len(c.Asset) > maxUsageIDBytes || len(c.Digest) > maxUsageIDBytes {
		return Errorf(Invalid, "%q is not the colour of an asset", c.Colour)
	}
	return nil
}
