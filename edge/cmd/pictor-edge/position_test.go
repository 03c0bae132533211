package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pictor/pictor/edge/internal/catalog"
)

func TestPosition(t *testing.T) {
	dir, want := t.TempDir(), catalog.Position{Epoch: "e1", Seq: 1<<64 - 1}
	if got := readPosition(dir); got != (catalog.Position{}) {
		t.Errorf("without a file: %+v", got)
	}
	if err := writePosition(dir, want); err != nil {
		t.Fatal(err)
	}
	if got := readPosition(dir); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	for _, text := range []string{"", "e1", "e1 \n", "e1 -1\n", " 12\n", "e1 99999999999999999999999\n", "\x00\x00\x00"} {
		if err := os.WriteFile(filepath.Join(dir, "feed"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := readPosition(dir); got != (catalog.Position{}) {
			t.Errorf("%q: %+v", text, got)
		}
	}
	if err := writePosition(filepath.Join(dir, "missing"), want); err == nil {
		t.Error("written into a folder that is not there")
	}
}
