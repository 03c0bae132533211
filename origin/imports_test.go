package origin_test

import (
	"testing"

	"github.com/pictor/pictor/shared/importtest"
)

// Order of knowing: cmd → internal → root package → shared; each driver is known to one package.
func TestImports(t *testing.T) {
	const (
		module = "github.com/pictor/pictor/"
		domain = "the root package is the domain: it knows no HTTP, no SQL and no files (ports.go)"
		one    = "one technology, one package"
		shared = "what dialects share knows no dialect"
		apart  = "dialects share the core, never each other: each can be switched off, or removed"
	)
	importtest.Check(t, ".", []importtest.Rule{
		{In: "*", Not: module + "edge", Why: "the programs talk through shared/wire only"},
		{In: "*", Not: module + "bench", Why: "the harness knows the programs, not the other way round"},
		{In: "internal/…", Not: module + "origin/cmd", Why: "commands wire packages together; nothing knows them"},
		{In: "*", Not: "modernc.org/sqlite", Except: "internal/store/sqlstore", Why: one},
		{In: "*", Not: "github.com/pressly/goose", Except: "internal/store/sqlstore", Why: one},
		{In: "internal/api/…", Not: "database/sql", Why: "rules and data are the core's"},
		{In: "internal/api/kit", Not: module + "origin/internal/api/imgcloud", Why: shared},
		{In: "internal/api/kit", Not: module + "origin/internal/api/imgsrc", Why: shared},
		{In: "internal/api/imgcloud", Not: module + "origin/internal/api/imgsrc", Why: apart},
		{In: "internal/api/imgsrc", Not: module + "origin/internal/api/imgcloud", Why: apart},
		{In: "*", Not: "C", Why: "the origin is pure Go: it decodes no pixels"},
	})
	importtest.CheckProduct(t, ".", []importtest.Rule{
		{In: ".", Not: module + "origin/internal", Why: domain},
		{In: ".", Not: "net/http", Why: domain},
		{In: ".", Not: "database/sql", Why: domain},
		{In: ".", Not: "os", Why: domain},
	})
}
