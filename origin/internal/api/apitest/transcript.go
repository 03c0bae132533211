// Package apitest plays transcripts of HTTP conversations to a running origin: tests that are data in, data out.
package apitest

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/pictor/pictor/origin/internal/server/servertest"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata")

// Stage is what a transcript is played on.
type Stage struct {
	Origin   *servertest.Origin
	Values   map[string]string // by name, for {{name}}
	Fixtures map[string][]byte // files to upload, by name
}

// Play plays the transcripts in testdata/*.txt, each on a stage of its own, and compares what is answered. The lines of
// a transcript:
//
//	# a comment
//	> a line of a request: method and target, headers, an empty line, the body
//	> form name=value file=@fixture      a multipart body, instead of the empty line and the body
//	< a line of the answer: status, headers that are not on every answer, an empty line, the body
//	clock 5m                             moves the clock on
//	keep name REGEXP                     names what the group finds in the next answer
//
// {{name}} stands for a value, in requests and answers. A request is for the host origin.test unless it has a Host.
func Play(t *testing.T, stage func(t *testing.T) Stage) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := &player{t: t, Stage: stage(t), keep: map[string]*regexp.Regexp{}}
			played := p.play(string(text))
			if *update {
				if err := os.WriteFile(file, []byte(played), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := gocmp.Diff(strings.Split(string(text), "\n"), strings.Split(played, "\n")); diff != "" && !*update {
				t.Error(diff)
			}
		})
	}
}

// player plays one transcript.
type player struct {
	Stage
	t    *testing.T
	keep map[string]*regexp.Regexp // for the next answer
	out  strings.Builder
}

// play gives the transcript with the answers that came.
func (p *player) play(text string) string {
	var request []string
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		word, rest, _ := strings.Cut(line, " ")
		if word == "<" {
			continue
		}
		p.out.WriteString(line + "\n")
		switch word {
		case ">":
			request = append(request, rest)
			if i+1 == len(lines) || !strings.HasPrefix(lines[i+1], ">") {
				p.answer(p.send(request))
				request = nil
			}
		case "clock":
			step, err := time.ParseDuration(rest)
			if err != nil {
				p.t.Fatalf("line %d: %v", i+1, err)
			}
			p.Origin.Clock.Advance(step)
		case "keep":
			name, pattern, _ := strings.Cut(rest, " ")
			p.keep[name] = regexp.MustCompile(pattern)
		case "#", "":
		default:
			p.t.Fatalf("line %d: %q means nothing", i+1, word)
		}
	}
	return p.out.String()
}

// send puts the request on the line as it stands there; no client gets to tidy it up.
func (p *player) send(lines []string) *http.Response {
	head, body := p.compose(lines)
	conn, err := net.Dial("tcp", p.Origin.Addr().String())
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Write(append([]byte(head), body...)); err != nil {
		p.t.Fatal(err)
	}
	method, _, _ := strings.Cut(lines[0], " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		p.t.Fatalf("%s: %v", lines[0], err)
	}
	return resp
}

func (p *player) compose(lines []string) (head string, body []byte) {
	headers := []string{p.fill(lines[0]) + " HTTP/1.1", "Connection: close"}
	if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "Host: ") }) {
		headers = append(headers, "Host: origin.test")
	}
	for i, line := range lines[1:] {
		if line == "" {
			body = []byte(p.fill(strings.Join(lines[i+2:], "\n")))
			break
		}
		if fields, ok := strings.CutPrefix(line, "form "); ok {
			var kind string
			body, kind = p.form(fields)
			headers = append(headers, "Content-Type: "+kind)
			break
		}
		headers = append(headers, p.fill(line))
	}
	if body != nil {
		headers = append(headers, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	return strings.Join(headers, "\r\n") + "\r\n\r\n", body
}

// form makes a multipart body of «name=value» and «name=@fixture» in their order.
func (p *player) form(fields string) (body []byte, contentType string) {
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for field := range strings.FieldsSeq(fields) {
		name, value, _ := strings.Cut(field, "=")
		file, isFile := strings.CutPrefix(value, "@")
		if !isFile {
			p.must(w.WriteField(name, p.fill(value)))
			continue
		}
		content, ok := p.Fixtures[file]
		if !ok {
			p.t.Fatalf("no fixture %q", file)
		}
		part, err := w.CreateFormFile(name, file)
		p.must(err)
		_, err = part.Write(content)
		p.must(err)
	}
	p.must(w.Close())
	return out.Bytes(), w.FormDataContentType()
}

func (p *player) must(err error) {
	if err != nil {
		p.t.Fatal(err)
	}
}

// everywhere are the headers that every answer must have. They are checked, and not written down each time.
var everywhere = []string{"Strict-Transport-Security", "Content-Security-Policy", "X-Content-Type-Options",
	"X-Frame-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy", "Permissions-Policy", "Cache-Control",
	"X-Request-Id", "Date"}

func (p *player) answer(resp *http.Response) {
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	p.must(err)
	for _, name := range everywhere {
		if resp.Header.Get(name) == "" {
			p.t.Errorf("%d without %s", resp.StatusCode, name)
		}
		resp.Header.Del(name)
	}
	resp.Header.Del("Content-Length")
	lines := []string{fmt.Sprint(resp.StatusCode)}
	for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
		for _, value := range resp.Header[name] {
			lines = append(lines, name+": "+value)
		}
	}
	if len(body) > 0 {
		lines = append(lines, "", pretty(body))
	}
	text := strings.Join(lines, "\n")
	p.note(text)
	for line := range strings.SplitSeq(p.hide(text), "\n") {
		p.out.WriteString(strings.TrimRight("< "+line, " ") + "\n")
	}
}

func pretty(body []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, bytes.TrimSpace(body), "", "  ") != nil {
		return string(body)
	}
	return out.String()
}

// note keeps what was asked to be kept.
func (p *player) note(answer string) {
	for name, pattern := range p.keep {
		found := pattern.FindStringSubmatch(answer)
		if len(found) != 2 {
			p.t.Fatalf("keep %s: %s is not in\n%s", name, pattern, answer)
		}
		p.Values[name] = found[1]
		delete(p.keep, name)
	}
}

func (p *player) fill(text string) string {
	for name, value := range p.Values {
		text = strings.ReplaceAll(text, "{{"+name+"}}", value)
	}
	return text
}

func (p *player) hide(text string) string {
	longestFirst := func(a, b string) int { // one may be part of another
		return cmp.Or(len(p.Values[b])-len(p.Values[a]), strings.Compare(a, b))
	}
	for _, name := range slices.SortedFunc(maps.Keys(p.Values), longestFirst) {
		text = strings.ReplaceAll(text, p.Values[name], "{{"+name+"}}")
	}
	return text
}
