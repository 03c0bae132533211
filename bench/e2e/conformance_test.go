package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pictor/pictor/bench/picture"
)

// The published crate, unmodified, makes every call it has («make conformance»: building it takes minutes).
func TestRustClientOfImgSrc(t *testing.T) {
	if os.Getenv("PICTOR_CONFORMANCE") == "" {
		t.Skip("SKIPPED: runs by «make conformance» only")
	}
	s := start(t, 1)
	photo := filepath.Join(t.TempDir(), "photo.jpg")
	if err := os.WriteFile(photo, picture.JPEG(picture.Photo(800, 600, 7)), 0o600); err != nil {
		t.Fatal(err)
	}
	client := exec.Command("cargo", "run", "--quiet", "--locked", "--", photo)
	client.Dir = conformance(t, "imgsrc-rust")
	client.Env = append(os.Environ(), "IMGSRC_API_KEY="+srcKey(t, s), "IMGSRC_SERVER_URL="+s.Origin.URL,
		"CARGO_TARGET_DIR="+filepath.Join(filepath.Dir(bin(t)), "imgsrc-rust"))
	out, err := client.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("ok all\n")) {
		t.Errorf("%v\n%s", err, out)
	}
}
