package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pictor/pictor/bench/picture"
	"github.com/pictor/pictor/bench/stack"
)

// srcKey signs in as the administrator and mints a key of the img-src dialect with the session, on the dialect's route.
func srcKey(t testing.TB, s *stack.Stack) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	post := func(path string, body map[string]any, into any) {
		t.Helper()
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := browser.Post(s.Origin.URL+path, "application/json", bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode >= 300 {
			t.Fatalf("%s: %s", path, resp.Status)
		}
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
			t.Fatal(err)
		}
	}
	post("/v1/auth/login", map[string]any{"email": s.Admin.Email, "password": s.Admin.Password}, &struct{}{})
	var minted struct{ Key string }
	post("/api/v1/settings/api-keys", map[string]any{"name": "e2e"}, &minted)
	if len(minted.Key) != 56 || !strings.HasPrefix(minted.Key, "imgsrc_") {
		t.Fatalf("the key is %q", minted.Key)
	}
	return minted.Key
}

// conformance is the folder of the published clients' programs.
func conformance(t testing.TB, name string) string {
	t.Helper()
	folder, err := filepath.Abs(filepath.Join("..", "conformance", name))
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// The published Python client, unmodified, makes every call it has.
func TestPythonClientOfImgSrc(t *testing.T) {
	python := venv(t, "imgsrc-python")
	s := start(t, 1)
	photo := filepath.Join(t.TempDir(), "photo.jpg")
	if err := os.WriteFile(photo, picture.JPEG(picture.Photo(1600, 1200, 5)), 0o600); err != nil {
		t.Fatal(err)
	}
	client := exec.Command(python, filepath.Join(conformance(t, "imgsrc-python"), "client.py"), s.Origin.URL, photo)
	client.Env = append(os.Environ(), "IMGSRC_API_KEY="+srcKey(t, s))
	out, err := client.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("ok all\n")) {
		t.Errorf("%v\n%s", err, out)
	}
}

// venv makes the virtual environment of a client, once, and gives its interpreter.
func venv(t testing.TB, name string) string {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("SKIPPED: python3 is not installed, so the published Python client was not run")
	}
	folder := filepath.Join(filepath.Dir(bin(t)), name)
	python, requirements := filepath.Join(folder, "bin", "python"), filepath.Join(conformance(t, name), "requirements.txt")
	wanted, err := os.ReadFile(requirements)
	if err != nil {
		t.Fatal(err)
	}
	stamp := filepath.Join(folder, "requirements.txt") // what the environment was made of, written when it is complete
	if made, err := os.ReadFile(stamp); err == nil && bytes.Equal(made, wanted) {
		return python
	}
	for _, command := range [][]string{{"python3", "-m", "venv", "--clear", folder},
		{python, "-m", "pip", "install", "--quiet", "--retries", "10", "--require-hashes", "--only-binary", ":all:", "--requirement", requirements}} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
		}
	}
	if err := os.WriteFile(stamp, wanted, 0o600); err != nil {
		t.Fatal(err)
	}
	return python
}
