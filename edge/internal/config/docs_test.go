package config_test

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/pictor/pictor/edge/internal/config"
	"github.com/pictor/pictor/shared/doctest"
)

// The guide shows every variable: go test ./edge/internal/config -update
func TestDocumented(t *testing.T) {
	parser, err := kong.New(&config.Serve{})
	if err != nil {
		t.Fatal(err)
	}
	var all []doctest.Variable
	for _, f := range parser.Model.Flags {
		if len(f.Envs) == 0 && f.Name != "help" {
			t.Errorf("--%s has no variable", f.Name)
		}
		if len(f.Envs) > 0 {
			all = append(all, doctest.Variable{Name: strings.Join(f.Envs, ", "), Flag: "--" + f.Name, Default: f.Default, Help: f.Help})
		}
	}
	doctest.Variables(t, "../../../docs/operating.md", "variables of pictor-edge", all)
}
