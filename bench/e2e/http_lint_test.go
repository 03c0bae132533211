package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/bench/picture"
)

// lintPython finds a Python that has httplint; CI installs one below .build.
func lintPython(t testing.TB) string {
	t.Helper()
	for _, path := range []string{filepath.Join("..", "..", ".build", "httplint", "bin", "python"), "python3"} {
		if exec.Command(path, "-c", "import httplint.cli").Run() == nil {
			return path
		}
	}
	t.Skip("httplint is not installed (python3 -m venv .build/httplint && .build/httplint/bin/pip install httplint)")
	return ""
}

// lintAll is what the command httplint does with one answer, for many: the program takes a second to start.
const lintAll = `
import argparse, base64, json, sys
from httplint.cli.http_parser import HttpCliParser, modes
for answer in json.load(sys.stdin):
    print("#", answer["Name"], flush=True)
    parser = HttpCliParser(argparse.Namespace(mode=modes.RESPONSE), answer["At"])
    parser.handle_input(base64.b64decode(answer["Raw"]))
    if parser.failed:
        print("* [BAD] unreadable")
`

// taken is an answer as it came.
type taken struct {
	Name string
	At   int64 // Unix seconds
	Raw  []byte
}

// rawAnswer is all that comes back for a GET over a connection of its own.
func rawAnswer(t testing.TB, address, target string, lines ...string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n", target, address, join(lines))
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	return string(answer)
}

func join(lines []string) (text string) {
	for _, line := range lines {
		text += line + "\r\n"
	}
	return text
}

// Every kind of answer satisfies httplint.
func TestHeadersAreClean(t *testing.T) {
	python := lintPython(t)
	s := start(t, 1, "PICTOR_EDGE_VARIANTS_PER_ASSET=3") // for a 429 in the end
	c := signIn(t, s)
	upload(t, c, "p.png", picture.PNG(picture.Photo(120, 80, 1)), map[string]string{"public_id": "photo"})
	upload(t, c, "s.png", picture.PNG(picture.Photo(120, 80, 2)),
		map[string]string{"public_id": "secret", "visibility": "private"})
	upload(t, c, "f.png", picture.PNG(picture.Photo(120, 80, 3)), map[string]string{"public_id": "fresh", "cache_max_age": "0"})
	signed, err := c.Sign(context.Background(), "secret", "w_20", 3600)
	if err != nil {
		t.Fatal(err)
	}
	edge := edgeAddress(s)
	photo := "/v1/image/w_20,f_auto/photo"
	resp, _ := get(t, "http://"+edge+photo)
	var answers []taken
	take := func(name, status, raw string) {
		if !strings.HasPrefix(raw, "HTTP/1.1 "+status) {
			t.Errorf("%s: %.200s, want %s", name, raw, status)
		}
		answers = append(answers, taken{name, time.Now().Unix(), []byte(raw)})
	}
	for _, kind := range []struct {
		name, status string
		request      []string // target, lines
	}{
		{"public", "200", []string{photo}},
		{"untouched", "200", []string{"/v1/image/photo"}},
		{"versioned", "200", []string{photo + "?v=1"}},
		{"private", "200", []string{strings.TrimPrefix(signed, s.Edges[0].URL)}},
		{"asked about each time", "200", []string{"/v1/image/fresh"}},
		{"not modified", "304", []string{photo, "If-None-Match: " + resp.Header.Get("ETag")}},
		{"part", "206", []string{photo, "Range: bytes=0-9"}},
		{"no such part", "416", []string{photo, "Range: bytes=999999-"}},
		{"precondition", "412", []string{photo, `If-Match: "x"`}},
		{"malformed URL", "400", []string{"/v1/image/a%2fb"}},
		{"malformed head", "400", []string{photo, "Content-Length: 5"}},
		{"large head", "431", []string{photo, "X: " + strings.Repeat("a", 20000)}},
		{"not found", "404", []string{"/v1/image/none"}},
		{"not found in any format", "404", []string{"/v1/image/f_auto/none"}},
		{"forbidden", "403", []string{"/v1/image/secret"}},
	} {
		take(kind.name, kind.status, rawAnswer(t, edge, kind.request[0], kind.request[1:]...))
	}
	for i := range 3 {
		rawAnswer(t, edge, fmt.Sprintf("/v1/image/w_%d/photo", 30+i))
	}
	take("too many", "429", rawAnswer(t, edge, "/v1/image/w_40/photo"))
	s.Origin.Kill()
	take("unavailable", "503", rawAnswer(t, edge, "/v1/image/never-asked"))
	lint(t, python, answers)
}

func lint(t testing.TB, python string, answers []taken) {
	t.Helper()
	input, err := json.Marshal(answers)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", lintAll)
	cmd.Env = append(os.Environ(), "PYTHONUTF8=1")
	cmd.Stdin = bytes.NewReader(input)
	report, err := cmd.CombinedOutput()
	enough := func(mark string) bool { return bytes.Count(report, []byte(mark)) >= len(answers) }
	if err != nil || !enough("# ") || !enough("[GOOD]") {
		t.Fatalf("%v: %s", err, report)
	}
	name := ""
	for _, line := range strings.Split(string(report), "\n") {
		if about, ok := strings.CutPrefix(line, "# "); ok {
			name = about
		}
		switch {
		case strings.Contains(line, "[BAD]"):
			t.Errorf("%s: %s", name, line)
		case strings.Contains(line, "[WARN]"):
			t.Logf("%s: %s", name, line)
		}
	}
}
