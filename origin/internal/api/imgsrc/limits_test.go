package imgsrc_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/server/servertest"
)

// File 004, «Rate Limiting»: 100 and 500 calls a minute, of all keys of an account together, told on every answer.
func TestRateLimits(t *testing.T) {
	for plan, count := range map[origin.Plan]int{origin.PlanFree: 100, origin.PlanPro: 500} {
		t.Run(string(plan), func(t *testing.T) {
			t.Parallel()
			o := servertest.Start(t, servertest.Options{Limits: origin.DefaultLimits()})
			_, first := account(t, o, "anna", plan, origin.AllScopes)
			_, second := account(t, o, "anna", plan, origin.ScopeRead)
			_, other := account(t, o, "bob", plan, origin.AllScopes)
			paths := []string{"/api/v1/settings/presets", "/api/v1/images/0000000000000000", "/api/v1/nothing"}
			for i := range count {
				status, header, _ := call(t, o, paths[i%3], []string{first, second}[i%2])
				if want := []int{200, 404, 404}[i%3]; status != want {
					t.Fatalf("call %d: %d", i, status)
				}
				if header.Get("X-RateLimit-Limit") != strconv.Itoa(count) || header.Get("X-RateLimit-Remaining") != strconv.Itoa(count-1-i) {
					t.Fatalf("call %d: %v", i, header)
				}
			}
			status, header, body := call(t, o, paths[0], first)
			if status != 429 || body != `{"error":{"code":"RATE_LIMITED","message":"Too many requests","status":429}}` ||
				header.Get("X-RateLimit-Remaining") != "0" || header.Get("Retry-After") != "1" {
				t.Errorf("the call too many: %d %s %v", status, body, header)
			}
			reset, err := strconv.ParseInt(header.Get("X-RateLimit-Reset"), 10, 64)
			if err != nil || reset != o.Clock.Now().Add(time.Minute).Unix() {
				t.Errorf("X-RateLimit-Reset %s", header.Get("X-RateLimit-Reset"))
			}
			if status, _, _ := call(t, o, paths[0], other); status != 200 {
				t.Errorf("another account: %d", status)
			}
			o.Clock.Advance(time.Second)
			if status, _, _ := call(t, o, paths[0], first); status != 200 {
				t.Errorf("after Retry-After: %d", status)
			}
		})
	}
}

// Guessing keys is limited by address, and does not cost those who have one.
func TestGuessingIsLimited(t *testing.T) {
	t.Parallel()
	o := servertest.Start(t, servertest.Options{Limits: origin.DefaultLimits()})
	_, key := account(t, o, "anna", origin.PlanPro, origin.AllScopes)
	for i := range 100 {
		if status, header, _ := call(t, o, "/api/v1/usage", "imgsrc_"+strconv.Itoa(i)); status != 401 || header.Get("X-RateLimit-Limit") != "100" {
			t.Fatalf("guess %d: %d %v", i, status, header)
		}
	}
	if status, _, _ := call(t, o, "/api/v1/usage", "imgsrc_100"); status != 429 {
		t.Errorf("one guess too many: %d", status)
	}
	if status, _, _ := call(t, o, "/api/v1/usage", key); status != 200 {
		t.Errorf("who has a key: %d", status)
	}
}

func call(t *testing.T, o *servertest.Origin, path, key string) (status int, header http.Header, body string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, o.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, strings.TrimSpace(string(text))
}
