package edge_test

import (
	"testing"

	"github.com/pictor/pictor/shared/transform"
)

func spec(t *testing.T, text string) transform.Spec {
	t.Helper()
	s, err := transform.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
