package config

import (
	"fmt"
	"time"

	"github.com/pictor/pictor/shared/clientip"
)

// Public holds the flags of the public listener.
type Public struct {
	HeadBytes            int           `help:"Longest request head." default:"15360" env:"PICTOR_EDGE_HEAD_BYTES"`
	HeadTime             time.Duration `help:"Time for a whole request head, and for the first byte of a connection." default:"10s" env:"PICTOR_EDGE_HEAD_TIME"`
	IdleTime             time.Duration `help:"Time between two requests of a connection." default:"75s" env:"PICTOR_EDGE_IDLE_TIME"`
	StallTime            time.Duration `help:"A client that takes less than 4 KiB of its answer in so long, twice, is cut off." default:"20s" env:"PICTOR_EDGE_STALL_TIME"`
	ConnsPerAddress      int           `help:"Open connections from one IPv4 address or IPv6 /64; this machine and trusted proxies may have more." default:"1024" env:"PICTOR_EDGE_CONNS_PER_ADDRESS"`
	TrustedProxies       []string      `help:"Addresses and ranges whose X-Forwarded-For is believed, comma-separated." env:"PICTOR_EDGE_TRUSTED_PROXIES"`
	StaleWhileRevalidate time.Duration `help:"How long shared caches may answer with an outdated public picture while they ask for it." default:"24h" env:"PICTOR_EDGE_STALE_WHILE_REVALIDATE"`
	StaleIfError         time.Duration `help:"How long shared caches may answer with an outdated public picture while no edge can be asked." default:"24h" env:"PICTOR_EDGE_STALE_IF_ERROR"`
	ClientHints          bool          `help:"Let Sec-CH-DPR, Sec-CH-Width and Save-Data change pictures whose format is negotiated and that are not signed." env:"PICTOR_EDGE_CLIENT_HINTS"`
}

func (p *Public) validate() error {
	if p.HeadBytes < 1<<10 || p.HeadBytes > 1<<20 {
		return fmt.Errorf("PICTOR_EDGE_HEAD_BYTES: must be from 1 KiB to 1 MiB, got %d bytes", p.HeadBytes)
	}
	for _, wait := range []struct {
		knob string
		got  time.Duration
	}{
		{"PICTOR_EDGE_HEAD_TIME", p.HeadTime},
		{"PICTOR_EDGE_IDLE_TIME", p.IdleTime},
		{"PICTOR_EDGE_STALL_TIME", p.StallTime},
	} {
		if wait.got < 100*time.Millisecond {
			return fmt.Errorf("%s: must be at least 100ms, got %s", wait.knob, wait.got)
		}
	}
	if p.ConnsPerAddress < 1 {
		return fmt.Errorf("PICTOR_EDGE_CONNS_PER_ADDRESS: must be at least 1, got %d", p.ConnsPerAddress)
	}
	_, err := p.Proxies()
	return err
}

// Proxies reads PICTOR_EDGE_TRUSTED_PROXIES.
func (p *Public) Proxies() (clientip.Proxies, error) {
	proxies, err := clientip.ParseProxies(p.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("PICTOR_EDGE_TRUSTED_PROXIES: %w", err)
	}
	return proxies, nil
}
