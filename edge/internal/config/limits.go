package config

import (
	"fmt"

	"github.com/pictor/pictor/shared/limit"
	"github.com/pictor/pictor/shared/wire"
)

// Limits holds the flags of what clients may cause.
type Limits struct {
	LimitMissIP      limit.Rate `help:"Renders and look-ups that one IPv4 address or IPv6 /64 may cause, as 600/m, or off; this machine and trusted proxies may cause more." default:"600/m" env:"PICTOR_EDGE_LIMIT_MISS_IP"`
	LimitViewsIP     limit.Rate `help:"Pictures that one address or /64 may look at, in dialects that limit that." default:"1000/10m" env:"PICTOR_EDGE_LIMIT_VIEWS_IP"`
	VariantsPerAsset int        `help:"Different results made of one picture in a day for URLs without a signature; 0 is no limit. An account may have its own." default:"1000" env:"PICTOR_EDGE_VARIANTS_PER_ASSET"`
	NewVariants      string     `help:"Who may have results made that do not exist yet: any, or signed: signed URLs, presets and pictures as uploaded. An account may have its own rule." default:"any" enum:"any,signed" env:"PICTOR_EDGE_NEW_VARIANTS"`
}

func (l *Limits) validate() error {
	if l.VariantsPerAsset < 0 || l.VariantsPerAsset > wire.MaxVariants {
		return fmt.Errorf("PICTOR_EDGE_VARIANTS_PER_ASSET: must be from 0 to %d, got %d", wire.MaxVariants, l.VariantsPerAsset)
	}
	return nil
}
