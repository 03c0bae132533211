package importtest

import "testing"

func TestForbids(t *testing.T) {
	rule := Rule{In: "internal/…", Not: "example.com/sql", Except: "internal/store"}
	for _, c := range []struct {
		folder, imported string
		want             bool
	}{
		{"internal/api", "example.com/sql", true},
		{"internal/api/kit", "example.com/sql/driver", true},
		{"internal/store", "example.com/sql", false},
		{"internal/store/deep", "example.com/sql", false},
		{"internal/storehouse", "example.com/sql", true},
		{"internal/api", "example.com/sqlite", false},
		{"cmd", "example.com/sql", false},
	} {
		if got := rule.forbids(c.folder, c.imported); got != c.want {
			t.Errorf("%s importing %s: got %v", c.folder, c.imported, got)
		}
	}
	if !(Rule{In: "*", Not: "net"}).forbids("any/where", "net/http") || !(Rule{In: ".", Not: "net"}).forbids(".", "net") {
		t.Error("patterns of one folder or all do not hold")
	}
}

// The words that both programs agree on know neither of them, nor the network, nor files.
func TestShared(t *testing.T) {
	const module = "github.com/pictor/pictor/"
	Check(t, "..", []Rule{
		{In: "*", Not: module + "origin", Why: "shared is what both programs agree on: it knows neither"},
		{In: "*", Not: module + "edge", Why: "shared is what both programs agree on: it knows neither"},
		{In: "*", Not: module + "bench", Why: "shared is what both programs agree on: it knows no harness"},
	})
	CheckProduct(t, "..", []Rule{
		{In: "*", Not: "os", Except: "doctest", Why: "shared does no I/O; doctest serves tests only"},
		{In: "*", Not: "net/http", Why: "shared does no I/O"},
		{In: "transform", Not: "time", Why: "what a transform means must not depend on the clock"},
	})
}
