package edge_test

import (
	"strings"
	"testing"

	"github.com/pictor/pictor/shared/signing"
	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

func spec(t *testing.T, text string) transform.Spec {
	t.Helper()
	s, err := transform.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func otherKeys(t *testing.T) *signing.Keyring {
	t.Helper()
	keys, err := signing.New([]wire.Key{{ID: "k2", Secret: []byte(strings.Repeat("z", 32))}})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
