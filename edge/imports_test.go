package edge_test

import (
	"testing"

	"github.com/pictor/pictor/shared/importtest"
)

// Order of knowing: cmd → internal → root package → shared; each driver is known to one package.
func TestImports(t *testing.T) {
	const (
		module = "github.com/pictor/pictor/"
		outer  = "the root package is the delivery path: it declares what it needs in ports.go and knows no driver"
		one    = "one technology, one package"
	)
	importtest.Check(t, ".", []importtest.Rule{
		{In: "*", Not: module + "origin", Why: "the programs talk through shared/wire only"},
		{In: "*", Not: module + "bench", Why: "the harness knows the programs, not the other way round"},
		{In: ".", Not: module + "edge/internal", Why: outer},
		{In: "internal/…", Not: module + "edge/cmd", Why: "commands wire packages together; nothing knows them"},
		{In: "*", Not: "github.com/dgraph-io/ristretto", Except: "internal/memcache", Why: one},
		{In: "*", Not: "github.com/cockroachdb/pebble", Except: "internal/diskcache", Why: one},
		{In: "*", Not: "github.com/hashicorp/memberlist", Except: "internal/ring", Why: one},
		{In: "*", Not: "github.com/prometheus", Except: "internal/ops", Why: one},
		{In: "*", Not: "go.opentelemetry.io", Except: "internal/trace", Why: one},
	})
	importtest.CheckProduct(t, ".", []importtest.Rule{
		{In: "*", Not: "github.com/cshum/vipsgen", Except: "internal/render/picture", Why: "libvips lives in render workers only"},
		{In: "internal/render", Not: module + "edge/internal/render/picture",
			Why: "the pool's side must not start libvips: that is what workers are for"},
	})
}
