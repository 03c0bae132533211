package config_test

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/config"
	"github.com/pictor/pictor/shared/doctest"
)

// The guide shows every variable: go test ./origin/internal/config -update
func TestDocumented(t *testing.T) {
	parser, err := kong.New(&config.Serve{}, kong.Vars{"limits": "see below"})
	if err != nil {
		t.Fatal(err)
	}
	var all []doctest.Variable
	for _, f := range parser.Model.Flags {
		if len(f.Envs) > 0 {
			all = append(all, doctest.Variable{Name: strings.Join(f.Envs, ", "), Flag: "--" + f.Name, Default: f.Default, Help: f.Help})
		}
	}
	for name, limit := range origin.DefaultLimits() {
		all = append(all, doctest.Variable{Name: "PICTOR_LIMIT_" + name, Flag: "--limit " + name + "=…", Default: limit.String(),
			Help: "Rate limit, or off."})
	}
	doctest.Variables(t, "../../../docs/operating.md", "variables of pictor-origin", all)
}
