package origin

import (
	"context"
	"time"

	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/wire"
)

// Preset is a transform with a name, for all the pictures of an account.
type Preset struct {
	ID          string
	Account     string
	Name        string // unique within the account
	Description string
	Transform   string // text, see delivery.CheckPresetText
	Params      string // the same in the words of the dialect that made it, which alone can read them
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Uses        int64 // in deliveries; a Store counts them, see Tx.AddUsage
}

// PresetPatch changes the fields that are not nil. Transform and Params belong together.
type PresetPatch struct {
	Name        *string
	Description *string
	Transform   *string
	Params      *string
}

const (
	// maxPresets bounds what of an account's profile travels to the edges.
	maxPresets          = 200
	maxDescriptionChars = 200
)

func (p Preset) check() error {
	if err := delivery.CheckPreset(p.Name); err != nil {
		return &Error{Kind: Invalid, Message: err.Error()}
	}
	if !plainText(p.Description, maxDescriptionChars) {
		return Errorf(Invalid, "a description must have at most %d characters, none of them a control character",
			maxDescriptionChars)
	}
	if err := delivery.CheckPresetText(p.Transform); err != nil {
		return &Error{Kind: Invalid, Message: err.Error()}
	}
	return nil
}

// ListPresets gives one's own presets by name.
func (c *Core) ListPresets(ctx context.Context, who Principal) (presets []Preset, err error) {
	if err := who.mustRead(); err != nil {
		return nil, err
	}
	err = c.cfg.Store.View(ctx, func(tx ReadTx) (err error) {
		presets, err = tx.Presets(who.Account.ID)
		return err
	})
	return presets, err
}

// FindPreset gives a preset of one's own.
func (c *Core) FindPreset(ctx context.Context, who Principal, id string) (preset Preset, err error) {
	if err := who.mustRead(); err != nil {
		return Preset{}, err
	}
	err = c.cfg.Store.View(ctx, func(tx ReadTx) (err error) {
		preset, err = ownPreset(tx, who, id)
		return err
	})
	return preset, err
}

// ownPreset: somebody else's is not there.
func ownPreset(tx ReadTx, who Principal, id string) (Preset, error) {
	preset, err := tx.Preset(id)
	if err == nil && preset.Account != who.Account.ID {
		return Preset{}, Errorf(NotFound, "preset not found")
	}
	return preset, err
}

// CreatePreset makes a preset of the fields that a client may set. A taken name is a Duplicate.
func (c *Core) CreatePreset(ctx context.Context, who Principal, preset Preset) (Preset, error) {
	if err := preset.check(); err != nil {
		return Preset{}, err
	}
	now := c.cfg.Now()
	preset.ID, preset.Account, preset.CreatedAt, preset.UpdatedAt = c.newID(), who.Account.ID, now, now
	err := c.changePresets(ctx, who, func(tx Tx, existing []Preset) error {
		if len(existing) >= maxPresets {
			return Errorf(Invalid, "an account can have at most %d presets", maxPresets)
		}
		if err := mustBeFree(preset, existing); err != nil {
			return err
		}
		return tx.CreatePreset(preset)
	})
	return preset, err
}

// UpdatePreset changes a preset of one's own. What is delivered follows within a second.
func (c *Core) UpdatePreset(ctx context.Context, who Principal, id string, patch PresetPatch) (preset Preset, err error) {
	err = c.changePresets(ctx, who, func(tx Tx, existing []Preset) error {
		if preset, err = ownPreset(tx, who, id); err != nil {
			return err
		}
		set(&preset.Name, patch.Name)
		set(&preset.Description, patch.Description)
		set(&preset.Transform, patch.Transform)
		set(&preset.Params, patch.Params)
		preset.UpdatedAt = c.cfg.Now()
		if err := preset.check(); err != nil {
			return err
		}
		if err := mustBeFree(preset, existing); err != nil {
			return err
		}
		return tx.UpdatePreset(preset)
	})
	return preset, err
}

// DeletePreset removes a preset of one's own by its name. URLs that use it are refused from then on.
func (c *Core) DeletePreset(ctx context.Context, who Principal, name string) error {
	return c.changePresets(ctx, who, func(tx Tx, existing []Preset) error {
		for _, preset := range existing {
			if preset.Name == name {
				return tx.DeletePreset(preset.ID)
			}
		}
		return Errorf(NotFound, "preset not found")
	})
}

func mustBeFree(preset Preset, existing []Preset) error {
	for _, other := range existing {
		if other.Name == preset.Name && other.ID != preset.ID {
			return Errorf(Duplicate, "a preset of this name exists")
		}
	}
	return nil
}

// changePresets runs a change of one's own presets, and tells the edges.
func (c *Core) changePresets(ctx context.Context, who Principal, change func(Tx, []Preset) error) error {
	if err := who.mustWrite(); err != nil {
		return err
	}
	return c.cfg.Store.Update(ctx, func(tx Tx) error {
		existing, err := tx.Presets(who.Account.ID)
		if err != nil {
			return err
		}
		if err := change(tx, existing); err != nil {
			return err
		}
		_, err = tx.Change(wire.ProfileName(who.Account.ID))
		return err
	})
}
