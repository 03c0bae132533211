// Package doctest keeps tables of the documentation equal to what programs say of themselves.
package doctest

import (
	"cmp"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables into the documentation")

// Variable is one setting of a program.
type Variable struct{ Name, Flag, Default, Help string }

// Variables compares the table between «<!-- mark: begin -->» and «<!-- mark: end -->» with the variables, sorted by
// name. With -update it writes the table.
func Variables(t *testing.T, file, mark string, all []Variable) {
	t.Helper()
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- "+mark+": begin -->\n", "<!-- "+mark+": end -->\n"
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatalf("%s has no place for %s", file, mark)
	}
	want := before + begin + table(all) + end + after
	switch {
	case want == string(page):
	case !*update:
		t.Errorf("%s does not show the variables as they are; run this test with -update", file)
	default:
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func table(all []Variable) string {
	slices.SortFunc(all, func(a, b Variable) int { return cmp.Compare(a.Name, b.Name) })
	var b strings.Builder
	b.WriteString("| variable | flag | default | |\n|---|---|---|---|\n")
	for _, v := range all {
		b.WriteString("| " + code(v.Name) + " | " + code(v.Flag) + " | " + code(v.Default) + " | " + cell(v.Help) + " |\n")
	}
	return b.String()
}

// code quotes each of the words in a list.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(cell(text), ", ", "`, `") + "`"
}

func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
