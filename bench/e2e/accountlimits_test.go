package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/bench/client"
	"github.com/pictor/pictor/bench/picture"
	"github.com/pictor/pictor/bench/stack"
)

// call makes any call of the API; body nil is none, into nil ignores the answer.
func call(t testing.TB, c *client.Client, method, path string, body, into any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(method, c.Base+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "ApiKey "+c.KeyID+":"+c.Secret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		t.Fatalf("%s %s %s: %s", method, path, text, resp.Status)
	}
	if into == nil {
		return
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// newcomer makes an account and gives its id and a client of it.
func newcomer(t testing.TB, s *stack.Stack, admin *client.Client, name string) (id string, c *client.Client) {
	t.Helper()
	const password = "not a good password"
	email := name + "@example.com"
	var made struct{ ID string }
	call(t, admin, http.MethodPost, "/v1/users", map[string]string{"email": email, "password": password}, &made)
	c, err := client.SignIn(context.Background(), s.Origin.URL, email, password)
	if err != nil {
		t.Fatal(err)
	}
	return made.ID, c
}

// limit sets an account's limits.
func limit(t testing.TB, admin *client.Client, id string, limits map[string]any) {
	t.Helper()
	call(t, admin, http.MethodPatch, "/v1/users/"+id, map[string]any{"limits": limits}, nil)
}

// widths gives variants that nobody has asked for yet.
type widths int

func (w *widths) of(id string) string {
	*w++
	return fmt.Sprintf("/v1/image/w_%d/%s", 10+*w, id)
}

// wantStatus asks an edge once.
func wantStatus(t testing.TB, edge *stack.Program, path string, want int) *http.Response {
	t.Helper()
	resp, body := get(t, edge.URL+path)
	if resp.StatusCode != want {
		t.Errorf("%s of %s: %d %s, want %d", path, edge.Name, resp.StatusCode, body, want)
	}
	return resp
}

// wantRefused checks what a client is told of the limit of so many.
func wantRefused(t testing.TB, resp *http.Response, count int) {
	t.Helper()
	number := func(name string) int64 {
		t.Helper()
		n, err := strconv.ParseInt(resp.Header.Get(name), 10, 64)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return n
	}
	wait, reset := number("Retry-After"), number("X-RateLimit-Reset")
	if wait < 1 || reset < time.Now().Unix() || number("X-RateLimit-Limit") != int64(count) || number("X-RateLimit-Remaining") != 0 {
		t.Errorf("refused with %v", resp.Header)
	}
}

// An account that may cause little work at each edge gets what exists, and harms nobody else.
func TestLimitOfOneAccount(t *testing.T) {
	s := start(t, 3)
	admin := signIn(t, s)
	anna, annas := newcomer(t, s, admin, "anna")
	_, berts := newcomer(t, s, admin, "bert")
	photo := picture.JPEG(picture.Photo(640, 480, 1))
	upload(t, annas, "a.jpg", photo, map[string]string{"public_id": "a"})
	upload(t, berts, "b.jpg", photo, map[string]string{"public_id": "b"}) // the same bytes
	upload(t, berts, "c.jpg", picture.JPEG(picture.Photo(640, 480, 2)), map[string]string{"public_id": "c"})
	var next widths
	before := next.of("a")
	for _, edge := range s.Edges {
		wantStatus(t, edge, before, 200)
	}
	elsewhere := next.of("a")
	wantStatus(t, s.Edges[0], elsewhere, 200)

	const count = 3
	limit(t, admin, anna, map[string]any{"misses": fmt.Sprintf("%d/h", count)})
	for _, edge := range s.Edges { // nobody asks for names of the account but for new variants
		var refused *http.Response
		took := within(t, soon, "a limit reaches "+edge.Name, func() bool {
			refused, _ = get(t, edge.URL+next.of("a"))
			return refused.StatusCode == 429
		})
		t.Logf("the limit holds at %s after %s", edge.Name, took)
		wantRefused(t, refused, count)
		wantStatus(t, edge, before, 200)
		wantStatus(t, edge, elsewhere, 200)
		wantStatus(t, edge, "/v1/image/a", 429)
		for _, id := range []string{"b", "c"} {
			wantStatus(t, edge, next.of(id), 200)
		}
	}
	var me struct{ Limits struct{ Misses string } }
	call(t, admin, http.MethodGet, "/v1/users/"+anna, nil, &me)
	if me.Limits.Misses != "3/h" {
		t.Errorf("told of %+v", me)
	}

	limit(t, admin, anna, map[string]any{})
	for _, edge := range s.Edges {
		within(t, soon, "no limit at "+edge.Name, func() bool {
			resp, _ := get(t, edge.URL+next.of("a"))
			return resp.StatusCode == 200
		})
		for range 2 * count {
			wantStatus(t, edge, next.of("a"), 200)
		}
	}

	limit(t, admin, anna, map[string]any{"requests": "5/h"})
	for _, edge := range s.Edges {
		within(t, soon, "hits are limited at "+edge.Name, func() bool {
			resp, _ := get(t, edge.URL+before)
			return resp.StatusCode == 429
		})
		wantRefused(t, wantStatus(t, edge, before, 429), 5)
		wantStatus(t, edge, next.of("b"), 200)
	}
	for _, edge := range s.Edges {
		if n, err := edge.Metric("pictor_edge_refused_total", `limit="account_requests"`); err != nil || n < 2 {
			t.Errorf("%s counts %v refusals, %v", edge.Name, n, err)
		}
	}
}

// An account's bound on variants holds over all edges, for its owner counts; who signs is not bound.
func TestVariantsOfOneAccount(t *testing.T) {
	s := start(t, 3)
	admin := signIn(t, s)
	anna, annas := newcomer(t, s, admin, "anna")
	photo := func(id string, seed uint64) {
		t.Helper()
		upload(t, annas, "a.jpg", picture.JPEG(picture.Photo(320, 240, seed)), map[string]string{"public_id": id})
	}
	photo("a", 1)
	photo("b", 2)
	upload(t, admin, "o.jpg", picture.JPEG(picture.Photo(320, 240, 3)), map[string]string{"public_id": "others"})
	var next widths
	sign := func(id string) string {
		t.Helper()
		_, transform, _ := strings.Cut(strings.TrimSuffix(next.of(id), "/"+id), "/v1/image/")
		url, err := annas.Sign(context.Background(), id, transform, 600)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimPrefix(url, s.Edges[0].URL)
	}

	limit(t, admin, anna, map[string]any{"variants": 2})
	first, second := next.of("a"), next.of("a")
	wantStatus(t, s.Edges[0], first, 200)
	wantStatus(t, s.Edges[1], second, 200)
	for _, edge := range s.Edges {
		within(t, soon, "a bound at "+edge.Name, func() bool {
			resp, _ := get(t, edge.URL+next.of("a"))
			return resp.StatusCode == 429
		})
		wantRefused(t, wantStatus(t, edge, next.of("a"), 429), 2)
		wantStatus(t, edge, first, 200)
		wantStatus(t, edge, second, 200)
		wantStatus(t, edge, "/v1/image/a", 200)
		wantStatus(t, edge, sign("a"), 200)
		for range 3 {
			wantStatus(t, edge, next.of("others"), 200)
		}
	}

	limit(t, admin, anna, map[string]any{"new_variants": "signed"})
	for _, edge := range s.Edges {
		within(t, soon, "only who signs at "+edge.Name, func() bool {
			resp, _ := get(t, edge.URL+next.of("b"))
			return resp.StatusCode == 403
		})
		wantStatus(t, edge, "/v1/image/b", 200)
		wantStatus(t, edge, next.of("others"), 200)
		signed := sign("b")
		unsigned, _, _ := strings.Cut(signed, "?")
		wantStatus(t, edge, unsigned, 403)
		wantStatus(t, edge, signed, 200)
		wantStatus(t, edge, unsigned, 200) // it exists now
	}
}

// What is set for all accounts holds for those that have nothing of their own.
func TestLimitsOfAllAccounts(t *testing.T) {
	s := start(t, 1, "PICTOR_ORIGIN_ACCOUNT_MISSES=2/h", "PICTOR_EDGE_NEW_VARIANTS=signed", "PICTOR_EDGE_VARIANTS_PER_ASSET=1")
	admin, edge := signIn(t, s), s.Edges[0]
	anna, annas := newcomer(t, s, admin, "anna")
	upload(t, annas, "a.jpg", picture.JPEG(picture.Photo(320, 240, 1)), map[string]string{"public_id": "a"})
	upload(t, admin, "o.jpg", picture.JPEG(picture.Photo(320, 240, 2)), map[string]string{"public_id": "o"})
	var next widths
	wantStatus(t, edge, next.of("a"), 403)
	limit(t, admin, anna, map[string]any{"new_variants": "any"})
	within(t, soon, "anybody may", func() bool {
		resp, _ := get(t, edge.URL+next.of("a"))
		return resp.StatusCode == 200
	})
	wantRefused(t, wantStatus(t, edge, next.of("a"), 429), 1) // the edge's bound on variants
	limit(t, admin, anna, map[string]any{"new_variants": "any", "variants": 0})
	var refused *http.Response
	within(t, soon, "any number", func() bool {
		refused, _ = get(t, edge.URL+next.of("a"))
		return refused.StatusCode == 429 && refused.Header.Get("X-RateLimit-Limit") == "2" // the origin's default
	})
	wantRefused(t, refused, 2)
	limit(t, admin, anna, map[string]any{"new_variants": "any", "variants": 0, "misses": "off"})
	within(t, soon, "any work", func() bool {
		resp, _ := get(t, edge.URL+next.of("a"))
		return resp.StatusCode == 200
	})
	for range 5 {
		wantStatus(t, edge, next.of("a"), 200)
	}
	wantStatus(t, edge, next.of("o"), 403)
}
