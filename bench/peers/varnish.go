package peers

import (
	"context"
	"path/filepath"
)

// StartVarnish starts Varnish in front of an upstream that it asks once.
func StartVarnish(ctx context.Context, at Place, upstream string) (*Server, error) {
	path, err := at.tool("debian/usr/sbin/varnishd")
	if err != nil {
		return nil, err
	}
	return run(ctx, at, "varnish", path, []string{DebianLibraries(at.Tools)}, func(address string, _ int) []string {
		return []string{"-F", "-j", "none", "-n", filepath.Join(at.Dir, "work"), "-a", address, "-b", upstream,
			"-s", "malloc,512m", "-T", "none", "-p", "thread_pools=1", "-p", "thread_pool_min=100"}
	})
}
