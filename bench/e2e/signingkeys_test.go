package e2e

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/bench/client"
	"github.com/pictor/pictor/bench/picture"
	"github.com/pictor/pictor/bench/stack"
)

// signed gives the target of a signed URL and the id of the key that signed it.
func signed(t testing.TB, s *stack.Stack, c *client.Client, id string) (target, key string) {
	t.Helper()
	url, err := c.Sign(context.Background(), id, "w_50", 3600)
	if err != nil {
		t.Fatal(err)
	}
	_, sig, _ := strings.Cut(url, "sig=")
	key, _, _ = strings.Cut(sig, ".")
	return strings.TrimPrefix(url, s.Edges[0].URL), key
}

func rotate(t testing.TB, c *client.Client, grace int) (newest string) {
	t.Helper()
	var ring struct {
		Keys []struct{ ID string } `json:"signing_keys"`
	}
	call(t, c, http.MethodPost, "/v1/signing-keys", map[string]int{"grace_seconds": grace}, &ring)
	return ring.Keys[0].ID
}

// Keys change while edges run: what is signed with a new one holds everywhere at once, what was signed with the old one
// until its time has come.
func TestSigningKeysChange(t *testing.T) {
	s := start(t, 3)
	c := signIn(t, s)
	upload(t, c, "p.jpg", picture.JPEG(picture.Photo(320, 240, 1)), map[string]string{"public_id": "p", "visibility": "private"})
	everywhere := func(target string, want int) {
		t.Helper()
		for _, edge := range s.Edges {
			wantStatus(t, edge, target, want)
		}
	}
	refused := func(target string, limit time.Duration) {
		t.Helper()
		for _, edge := range s.Edges {
			within(t, limit, "an old key is refused by "+edge.Name, func() bool {
				resp, _ := get(t, edge.URL+target)
				return resp.StatusCode == 403
			})
		}
	}
	// signsWith waits for the key to sign; all URLs on the way must hold.
	signsWith := func(key string) (target string) {
		t.Helper()
		within(t, time.Minute, "the new key signs", func() bool {
			var with string
			target, with = signed(t, s, c, "p")
			everywhere(target, 200)
			return with == key
		})
		return target
	}
	first, firstKey := signed(t, s, c, "p")
	everywhere(first, 200)

	const grace = 8 // begins when the new key signs
	began := time.Now()
	second := signsWith(rotate(t, c, grace))
	everywhere(first, 200)
	refused(first, time.Minute)
	if passed := time.Since(began); passed < grace*time.Second {
		t.Errorf("the old key %s ended after %s", firstKey, passed)
	}
	everywhere(second, 200)

	_, secondKey := signed(t, s, c, "p")
	third := signsWith(rotate(t, c, 3600))
	everywhere(second, 200)
	call(t, c, http.MethodDelete, "/v1/signing-keys/"+secondKey, nil, nil)
	refused(second, soon)
	everywhere(third, 200)

	leaked := rotate(t, c, 0)
	refused(third, soon)
	fourth, key := signed(t, s, c, "p")
	if key != leaked {
		t.Errorf("signed with %s, want %s", key, leaked)
	}
	everywhere(fourth, 200)
}
