package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/origin/internal/server/servertest"
)

// program is a pictor-origin that runs until the test ends or stop is called.
type program struct {
	log  *servertest.Buffer
	stop func() error
	url  string
}

// start runs the program on free ports, and waits until it listens.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	p := &program{log: new(servertest.Buffer)}
	ended := false
	p.stop = func() error {
		if ended {
			return nil
		}
		ended = true
		cancel()
		return <-done
	}
	args = append([]string{"serve", "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0", "--edge-listen=127.0.0.1:0",
		"--bcrypt-cost=10"}, args...)
	go func() { done <- run(ctx, args, nil, p.log) }()
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	listening := regexp.MustCompile(`msg=listening public=(\S+)`)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if found := listening.FindStringSubmatch(p.log.String()); found != nil {
			p.url = "http://" + found[1]
			return p
		}
		select {
		case err := <-done:
			ended = true
			t.Fatalf("it ended: %v\n%s", err, p.log)
		default:
		}
	}
	t.Fatalf("it does not listen: %s", p.log)
	return nil
}

func (p *program) login(t *testing.T, email, password string) int {
	t.Helper()
	body, err := json.Marshal(map[string]string{"email": email, "password": password})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(p.url+"/v1/auth/login", "application/json", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

func TestFirstAdminIsToldOnce(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	first := start(t, "--data", data)
	told := regexp.MustCompile(`email=admin@pictor.local password=(\S+)`).FindStringSubmatch(first.log.String())
	if told == nil {
		t.Fatalf("no password in the log: %s", first.log)
	}
	if status := first.login(t, "admin@pictor.local", told[1]); status != http.StatusOK {
		t.Errorf("the password does not open: %d", status)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	second := start(t, "--data", data)
	if strings.Contains(second.log.String(), "password") {
		t.Errorf("the second start speaks of passwords: %s", second.log)
	}
	if status := second.login(t, "admin@pictor.local", told[1]); status != http.StatusOK {
		t.Errorf("the second start forgot the password: %d", status)
	}
}

func TestFirstAdminFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "admin.json")
	if err := os.WriteFile(file, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := start(t, "--data", filepath.Join(dir, "data"), "--first-admin-file", file, "--admin-email", "boss@example.com")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var told struct{ Email, Password string }
	if err := json.Unmarshal(text, &told); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(p.log.String(), told.Password) {
		t.Error("the password is in the log too")
	}
	if status := p.login(t, "boss@example.com", told.Password); told.Email != "boss@example.com" || status != http.StatusOK {
		t.Errorf("told %+v, which gives %d", told, status)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// A password that cannot be written where it should be must not be lost.
func TestFirstAdminFileThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	p := start(t, "--data", filepath.Join(dir, "data"), "--first-admin-file", filepath.Join(dir, "no", "such", "folder"))
	told := regexp.MustCompile(`password=(\S+)`).FindStringSubmatch(p.log.String())
	if told == nil {
		t.Fatalf("no password in the log: %s", p.log)
	}
	if status := p.login(t, "admin@pictor.local", told[1]); status != http.StatusOK {
		t.Errorf("the password does not open: %d", status)
	}
}

func TestGivenAdminPasswordIsNotTold(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "admin.json")
	p := start(t, "--data", dir, "--admin-password", "a secret of mine", "--first-admin-file", file)
	if status := p.login(t, "admin@pictor.local", "a secret of mine"); status != http.StatusOK {
		t.Errorf("got %d", status)
	}
	if strings.Contains(p.log.String(), "a secret of mine") {
		t.Error("the password is in the log")
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the password is in a file")
	}
}

func TestConfigurationIsRefused(t *testing.T) {
	for _, tt := range []struct {
		args []string
		says string
	}{
		{[]string{"--cluster-key", "short"}, "PICTOR_CLUSTER_KEY: must be at least 32 bytes, got 5"},
		{[]string{"--admin-password", "short"}, "PICTOR_ADMIN_PASSWORD"},
		{[]string{"--admin-email", "nobody"}, "PICTOR_ADMIN_EMAIL"},
		{[]string{"--listen", "127.0.0.1:notaport"}, "PICTOR_ORIGIN_LISTEN: "},
		{[]string{"--data", "/dev/null/data"}, "PICTOR_ORIGIN_DATA: "},
		{[]string{"--limit", "NONSENSE=1/m"}, "PICTOR_LIMIT_NONSENSE: no such limit"},
	} {
		args := append([]string{"serve", "--data", t.TempDir(), "--ops-listen=127.0.0.1:0", "--edge-listen=127.0.0.1:0",
			"--bcrypt-cost=10"}, tt.args...)
		err := run(context.Background(), args, nil, io.Discard)
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%q: got %v, want one that says %q", tt.args, err, tt.says)
		}
	}
}

func TestVersion(t *testing.T) {
	var out strings.Builder
	if err := run(context.Background(), []string{"version"}, nil, &out); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^pictor-origin \S+ go1\.\S+\n$`).MatchString(out.String()) {
		t.Errorf("got %q", &out)
	}
}
