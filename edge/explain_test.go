package edge_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/limit"
	"github.com/pictor/pictor/shared/wire"
)

func text(all []edge.Finding) string {
	var b strings.Builder
	for _, f := range all {
		fmt.Fprintf(&b, "%s: %s\n", f.Name, f.Text)
	}
	return b.String()
}

func TestExplain(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	w.add("secret", picture, func(m *wire.Manifest) { m.Visibility, m.Asset = wire.Private, "as_1" })
	f := func(target, accept string, want ...string) {
		t.Helper()
		got := text(w.edge.Explain(t.Context(), target, accept))
		for _, line := range want {
			if !strings.Contains(got, line+"\n") {
				t.Errorf("%s: %q is not in\n%s", target, line, got)
			}
		}
	}
	key := "key: " + string(edge.Job{Source: &wire.Source{Digest: digest(picture)}, Spec: spec(t, "w_40,f_webp")}.Key())
	f("/v1/image/w_40,f_webp/photo", "", "name: photo in cloud", "asks for: a transform", "signature: none",
		"spec: f_webp,w_40", "size: 40×20 px", "format: webp: asked for", key, "here: not yet", "owner: this node",
		"cache-control: public, max-age=3600, stale-while-revalidate=86400, stale-if-error=86400",
		"source: jpg, 1000×500 px, 1 frames, 1000 bytes, sha256 "+digest(picture))
	w.owners = []edge.Peer{{Name: "b", Address: "10.0.0.2:10081"}}
	f("/v1/image/f_auto/photo?v=3", "image/avif", "spec: f_auto:avif", "vary: Accept", "owner: b at 10.0.0.2:10081, then this node",
		`format: avif: negotiated with Accept "image/avif", for a source that is opaque`,
		"cache-control: public, max-age=31536000, immutable")
	f("/v1/image/photo", "", "result: the picture as uploaded, cleaned: 997 bytes")
	f("/v1/image/secret", "", "refused: forbidden: this image is private: a signed URL is needed")
	signed := delivery.SignCloud(w.keys, "secret", "w_4", now.Add(time.Hour))
	f(signed, "", "signature: by key k1, dialect imgcloud, until 2026-01-02T04:04:05Z",
		"cache-control: private, max-age=3600")
	f(signed[:len(signed)-1]+"0", "", "refused: forbidden: the signature is invalid or has expired")
	f("/v1/image/none", "", "refused: not_found: no such image")
	f("/v1/image/w_0/photo", "", "refused: invalid: invalid transform: w: must be a whole number from 1 to 4000")
	bound := 5
	w.meter.Limit(&wire.AccountLimits{Requests: limit.Rate{Count: 9, Per: time.Hour}, Misses: limit.Rate{Count: 2, Per: time.Minute},
		Variants: &bound, NewVariants: wire.NewVariantsSigned}, 1, 1)
	f("/v1/image/w_4/photo", "", "limits: of the account: requests 9/h, misses 2/m, variants 5, new variants signed")
	if w.renders.Load() != 0 || w.limiter.misses.Load() != 0 {
		t.Error("an explanation makes pictures or counts")
	}
	_, sig, _ := strings.Cut(signed, "sig=")
	if got := text(w.edge.Explain(t.Context(), signed, "")); strings.Contains(got, sig) {
		t.Errorf("a signature is told:\n%s", got)
	}
}

// The lifetime that is told is that of the answer to come.
func TestExplainQuick(t *testing.T) {
	w, _ := refining(t)
	w.edge.Policy.ClientHints = true
	const target = "/v1/image/f_auto,w_4/photo?v=3"
	explain := func() string { return text(w.edge.Explain(t.Context(), target, "image/webp")) }
	before := explain()
	answer := w.get(target, "Accept", "image/webp").Header
	for here, got := range map[string]string{"not yet": before, "in memory": explain()} {
		for _, line := range []string{"here: " + here, "later: encoded once more, with patience, when it is asked for again",
			"cache-control: " + answer.Get("Cache-Control"), "vary: " + answer.Get("Vary")} {
			if !strings.Contains(got, line+"\n") {
				t.Errorf("%q is not in\n%s", line, got)
			}
		}
	}
}

func TestExplainTarget(t *testing.T) {
	for target, want := range map[string]string{
		"/v1/image/photo?v=3": "name: photo in cloud\nasks for: the picture as uploaded, without private metadata\nv: 3\nsignature: none\n",
		"/elsewhere":          "refused: not_found: no such route\n",
		"/v1/image/t_x/photo": "name: photo in cloud\nasks for: what the account's profile says\nsignature: none\n",
	} {
		if got := text(edge.ExplainTarget(target)); got != want {
			t.Errorf("%s: got\n%s", target, got)
		}
	}
}
