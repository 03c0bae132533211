package origin

import (
	"context"
	"slices"

	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

// Settings are what an account may set for itself. Zero values mean the defaults.
type Settings struct {
	Delivery
	Theme    string // of the pages that the account looks at
	Language string // the same, as in BCP 47
}

// Delivery is how an account wants its pictures delivered where a URL does not say.
type Delivery struct {
	Formats   []string // names as in URLs, best first, for URLs that name none
	Quality   int      // 1–100
	Crop      string   // how a picture meets a box, as in a transform
	MaxWidth  int      // of pictures whose size is not asked for; 0 is no bound
	MaxHeight int      // the same
}

// DefaultSettings are those of an account that has set nothing.
func DefaultSettings() Settings {
	return Settings{Delivery: Delivery{Formats: []string{"avif", "webp", "jpg"}, Quality: 80, Crop: "fill"},
		Theme: "system", Language: "en"}
}

// withDefaults completes the settings.
func (s Settings) withDefaults() Settings {
	d := DefaultSettings()
	if len(s.Formats) == 0 {
		s.Formats = d.Formats
	}
	if s.Quality == 0 {
		s.Quality = d.Quality
	}
	if s.Crop == "" {
		s.Crop = d.Crop
	}
	if s.Theme == "" {
		s.Theme = d.Theme
	}
	if s.Language == "" {
		s.Language = d.Language
	}
	return s
}

// SettingsPatch changes the fields that are not nil. A maximal size of 0 takes the bound away.
type SettingsPatch struct {
	Formats   *[]string
	Quality   *int
	Crop      *string
	MaxWidth  *int
	MaxHeight *int
	Theme     *string
	Language  *string
}

const (
	maxSettingSide  = 10_000
	maxSettingChars = 35 // of a theme or a language
)

func (p SettingsPatch) check() error {
	if p.Formats != nil {
		if err := checkFormats(*p.Formats); err != nil {
			return err
		}
	}
	if p.Quality != nil && (*p.Quality < 1 || *p.Quality > 100) {
		return Errorf(Invalid, "the default quality must be from 1 to 100")
	}
	if p.Crop != nil {
		if _, err := transform.Parse("c_" + *p.Crop); err != nil {
			return Errorf(Invalid, "there is no such way to fit")
		}
	}
	for _, side := range []*int{p.MaxWidth, p.MaxHeight} {
		if side != nil && (*side < 0 || *side > maxSettingSide) {
			return Errorf(Invalid, "a maximal size must be from 1 to %d px", maxSettingSide)
		}
	}
	for _, word := range []*string{p.Theme, p.Language} {
		if word != nil && (*word == "" || !plainText(*word, maxSettingChars)) {
			return Errorf(Invalid, "theme and language must have 1 to %d characters", maxSettingChars)
		}
	}
	return nil
}

func checkFormats(names []string) error {
	if len(names) == 0 {
		return Errorf(Invalid, "at least one format must be named")
	}
	for i, name := range names {
		if f, ok := transform.ParseFormat(name); !ok || !f.Written() {
			return Errorf(Invalid, "%q is no format that can be delivered", name)
		}
		if slices.Contains(names[:i], name) {
			return Errorf(Invalid, "%q is named twice", name)
		}
	}
	return nil
}

func (p SettingsPatch) apply(s Settings) Settings {
	set(&s.Formats, p.Formats)
	set(&s.Quality, p.Quality)
	set(&s.Crop, p.Crop)
	set(&s.MaxWidth, p.MaxWidth)
	set(&s.MaxHeight, p.MaxHeight)
	set(&s.Theme, p.Theme)
	set(&s.Language, p.Language)
	return s
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// Settings gives one's own, completed with the defaults.
func (c *Core) Settings(ctx context.Context, who Principal) (acc Account, err error) {
	if err := who.mustRead(); err != nil {
		return Account{}, err
	}
	err = c.cfg.Store.View(ctx, func(tx ReadTx) (err error) {
		acc, err = tx.Account(who.Account.ID)
		return err
	})
	acc.Settings = acc.Settings.withDefaults()
	return acc, err
}

// UpdateSettings changes one's own. What it means for delivery reaches the edges within a second.
func (c *Core) UpdateSettings(ctx context.Context, who Principal, patch SettingsPatch) (acc Account, err error) {
	if err := who.mustWrite(); err != nil {
		return Account{}, err
	}
	if err := patch.check(); err != nil {
		return Account{}, err
	}
	err = c.cfg.Store.Update(ctx, func(tx Tx) (err error) {
		if acc, err = tx.Account(who.Account.ID); err != nil {
			return err
		}
		acc.Settings, acc.UpdatedAt = patch.apply(acc.Settings), c.cfg.Now()
		if err := tx.UpdateAccount(acc); err != nil {
			return err
		}
		_, err = tx.Change(wire.ProfileName(acc.ID))
		return err
	})
	acc.Settings = acc.Settings.withDefaults()
	return acc, err
}

// profile is what edges must know of how an account's pictures are delivered, and when that changed last, in Unix seconds.
func profile(tx ReadTx, acc Account) (_ *wire.Profile, updated int64, _ error) {
	presets, err := tx.Presets(acc.ID)
	if err != nil {
		return nil, 0, err
	}
	updated = acc.UpdatedAt.Unix()
	d := acc.Settings.withDefaults().Delivery
	p := &wire.Profile{Formats: d.Formats, Quality: d.Quality, Crop: d.Crop, MaxWidth: d.MaxWidth, MaxHeight: d.MaxHeight,
		Presets: map[string]string{}}
	for _, preset := range presets {
		p.Presets[preset.Name] = preset.Transform
		updated = max(updated, preset.UpdatedAt.Unix())
	}
	return p, updated, nil
}
