package transform

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of keys into the documentation")

const (
	docs      = "../../docs/transforms.md"
	docsBegin = "<!-- keys: written by «go test ./shared/transform -update» -->\n"
	docsEnd   = "<!-- end of keys -->\n"
)

// The documentation shows the grammar as it is.
func TestDocumentation(t *testing.T) {
	page, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), docsBegin)
	_, after, ended := strings.Cut(rest, docsEnd)
	if !ok || !ended {
		t.Fatalf("%s has no place for the table of keys", docs)
	}
	want := before + docsBegin + table() + docsEnd + after
	if want == string(page) {
		return
	}
	if !*update {
		t.Fatalf("%s does not show the keys as they are; run: go test ./shared/transform -update", docs)
	}
	if err := os.WriteFile(docs, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

func table() string {
	var b strings.Builder
	b.WriteString("| Key | Meaning | Range | Example |\n|---|---|---|---|\n")
	for _, k := range Keys() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` |\n", k.Name, k.Meaning, k.Values, k.Example)
	}
	return b.String()
}
