// Package config is the command line and the environment of pictor-edge.
package config

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/pictor/pictor/shared/cluster"
)

// Serve holds the flags of «pictor-edge serve». Every flag has a variable and a default.
type Serve struct {
	Public
	Listen         string        `help:"Public address." default:"127.0.0.1:8081" env:"PICTOR_EDGE_LISTEN"`
	OpsListen      string        `help:"Operations address: health, metrics, profiles." default:"127.0.0.1:9081" env:"PICTOR_EDGE_OPS_LISTEN"`
	PeerListen     string        `help:"Address for other edges." default:"127.0.0.1:10081" env:"PICTOR_EDGE_PEER_LISTEN"`
	GossipListen   string        `help:"Address for membership gossip (TCP and UDP)." default:"127.0.0.1:11081" env:"PICTOR_EDGE_GOSSIP_LISTEN"`
	Advertise      string        `help:"Host that other edges reach this one at; default is the host of --peer-listen." env:"PICTOR_EDGE_ADVERTISE"`
	Join           []string      `help:"Gossip addresses of edges to join, comma-separated." env:"PICTOR_EDGE_JOIN"`
	Name           string        `help:"Name of this node, unique in the cluster; default host and peer port." env:"PICTOR_EDGE_NAME"`
	Weight         int           `help:"Share of the ring, relative to the other nodes." default:"100" env:"PICTOR_EDGE_WEIGHT"`
	Network        string        `help:"How quickly silent nodes are given up: local, lan or wan." default:"lan" enum:"local,lan,wan" env:"PICTOR_EDGE_NETWORK"`
	Origin         string        `help:"The origin's edge API." default:"127.0.0.1:10080" env:"PICTOR_EDGE_ORIGIN"`
	ClusterKey     string        `help:"Secret shared by origin and edges, at least 32 bytes." env:"PICTOR_CLUSTER_KEY"`
	ClusterKeyFile string        `help:"File that holds the cluster key." type:"path" env:"PICTOR_CLUSTER_KEY_FILE"`
	Data           string        `help:"Folder for caches; may be lost at any time." default:"./data/edge" type:"path" env:"PICTOR_EDGE_DATA"`
	MemoryBytes    int64         `help:"Budget of the memory cache." default:"268435456" env:"PICTOR_EDGE_MEMORY_BYTES"`
	DiskBytes      int64         `help:"Budget of the disk cache." default:"4294967296" env:"PICTOR_EDGE_DISK_BYTES"`
	OriginalsBytes int64         `help:"Budget of kept originals." default:"4294967296" env:"PICTOR_EDGE_ORIGINALS_BYTES"`
	Workers        int           `help:"Render processes; 0 is one per core." default:"0" env:"PICTOR_EDGE_WORKERS"`
	WorkerBytes    int64         `help:"Memory limit of one render process." default:"2147483648" env:"PICTOR_EDGE_WORKER_BYTES"`
	RenderTimeout  time.Duration `help:"CPU time one render may take." default:"30s" env:"PICTOR_EDGE_RENDER_TIMEOUT"`
	WebPEffort     int           `name:"webp-effort" help:"Effort of the WebP encoder while somebody waits, 1 to 6." default:"2" env:"PICTOR_EDGE_WEBP_EFFORT"`
	FallbackAfter  time.Duration `help:"Predicted wait for a render from which on f_auto gives the format that takes least time; 0 is never." default:"2s" env:"PICTOR_EDGE_FALLBACK_AFTER"`
	Refine         string        `help:"Encode once more, with patience, what is asked for again: on or off." default:"on" enum:"on,off" env:"PICTOR_EDGE_REFINE"`
	PublicAge      time.Duration `help:"How long caches may keep an unversioned public picture that has no lifetime of its own; 0s: they must ask each time." default:"1h" env:"PICTOR_EDGE_PUBLIC_AGE"`
	StaleFor       time.Duration `help:"How long known public pictures are served while the origin is away." default:"1h" env:"PICTOR_EDGE_STALE_FOR"`
	MaxConns       int           `help:"Open connections on the public listener." default:"65536" env:"PICTOR_EDGE_MAX_CONNS"`
	ReusePort      bool          `help:"Let several edges on this machine share the public port, to start the next before this one ends." env:"PICTOR_EDGE_REUSE_PORT"`
	DrainDelay     time.Duration `help:"How long to go on after SIGTERM, not ready any more, before connections are refused." default:"0s" env:"PICTOR_EDGE_DRAIN_DELAY"`
	DrainWait      time.Duration `help:"How long running requests may take after SIGTERM." default:"20s" env:"PICTOR_EDGE_DRAIN_WAIT"`
	Limits
	Observe
}

// Validate names the knob that is wrong.
func (s *Serve) Validate() error {
	for _, least := range []struct {
		knob  string
		got   int64
		bytes int64
	}{
		{"PICTOR_EDGE_MEMORY_BYTES", s.MemoryBytes, 8 << 20},
		{"PICTOR_EDGE_DISK_BYTES", s.DiskBytes, 64 << 20},
		{"PICTOR_EDGE_ORIGINALS_BYTES", s.OriginalsBytes, 64 << 20},
		{"PICTOR_EDGE_WORKER_BYTES", s.WorkerBytes, 256 << 20},
	} {
		if least.got < least.bytes {
			return fmt.Errorf("%s: must be at least %d MiB, got %d bytes", least.knob, least.bytes>>20, least.got)
		}
	}
	if s.PublicAge < 0 {
		return fmt.Errorf("PICTOR_EDGE_PUBLIC_AGE: must not be negative, got %s", s.PublicAge)
	}
	if err := s.Public.validate(); err != nil {
		return err
	}
	if s.Workers < 0 || s.Workers > 1024 {
		return fmt.Errorf("PICTOR_EDGE_WORKERS: must be from 0 to 1024, got %d", s.Workers)
	}
	if s.WebPEffort < 1 || s.WebPEffort > 6 {
		return fmt.Errorf("PICTOR_EDGE_WEBP_EFFORT: must be from 1 to 6, got %d", s.WebPEffort)
	}
	if s.Weight < 1 || s.Weight > 1000 {
		return fmt.Errorf("PICTOR_EDGE_WEIGHT: must be from 1 to 1000, got %d", s.Weight)
	}
	if err := s.Limits.validate(); err != nil {
		return err
	}
	return s.Observe.validate()
}

// WorkerCount is the number of render processes.
func (s *Serve) WorkerCount() int {
	if s.Workers > 0 {
		return s.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// Key reads the cluster key from where it was given.
func (s *Serve) Key() (cluster.Key, error) {
	if s.ClusterKeyFile == "" {
		return cluster.ParseKey(s.ClusterKey)
	}
	text, err := os.ReadFile(s.ClusterKeyFile)
	if err != nil {
		return nil, fmt.Errorf("PICTOR_CLUSTER_KEY_FILE: %w", err)
	}
	return cluster.ParseKey(strings.TrimSpace(string(text)))
}
