package origin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/signing"
	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

// parse reads a URL as an edge would.
func (b *bench) parse(url string) (delivery.Request, bool) {
	b.Helper()
	target, ok := strings.CutPrefix(url, b.cfg.DeliveryURL)
	if !ok {
		b.Fatalf("URL %q", url)
	}
	request, err := delivery.Parse(target)
	if err != nil {
		b.Fatal(err)
	}
	keys, err := b.Keyring(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	ring, err := signing.New(keys.Keys)
	if err != nil {
		b.Fatal(err)
	}
	return request, ring.Verify(request.Signature.Fields, request.Signature.Text)
}

func TestSignURL(t *testing.T) {
	b := newBench(t)
	b.asset(b.admin, "img:x", origin.AssetFields{PublicID: "private/contract-001", Visibility: wire.Private})
	sign := func(transform string, ttl time.Duration) (string, time.Time) {
		t.Helper()
		ask := origin.SignRequest{PublicID: "private/contract-001", Transform: transform, TTL: ttl}
		url, expires, err := b.SignURL(t.Context(), b.admin, ask)
		if err != nil {
			t.Fatal(err)
		}
		return url, expires
	}
	url, expires := sign("w_1200,q_80", 90*time.Second)
	request, ok := b.parse(url)
	wantEqual(t, ok, true)
	wantEqual(t, request.Name, wire.Name{Namespace: wire.NamespaceCloud, Name: "private/contract-001"})
	spec, err := request.Settle(false, nil, transform.Source{Format: transform.JPEG, Width: 3000, Height: 2000, Frames: 1},
		transform.Accept{})
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, spec.Width, 1200)
	wantEqual(t, request.Signature.Fields.Expires, expires.Unix())
	wantEqual(t, expires, b.clock.Now().Add(90*time.Second).Truncate(time.Second))

	for _, forged := range []string{
		strings.Replace(url, "w_1200", "w_1201", 1), strings.Replace(url, "contract-001", "contract-002", 1),
		strings.Replace(url, "w_1200,q_80/", "", 1), strings.Replace(url, "expires=1", "expires=2", 1),
	} {
		if forged == url {
			t.Fatal("nothing was forged")
		}
		if _, ok := b.parse(forged); ok {
			t.Errorf("verifies: %s", forged)
		}
	}

	url, expires = sign("", 0)
	if request, ok := b.parse(url); !ok || !request.Plain() {
		t.Errorf("plain: %+v, %v", request, ok)
	}
	wantEqual(t, expires, b.clock.Now().Add(time.Hour).Truncate(time.Second))

	b.restart() // keys outlive the process
	if _, ok := b.parse(url); !ok {
		t.Error("signed with keys that are gone")
	}
}

func TestSignURLRefuses(t *testing.T) {
	b := newBench(t)
	b.asset(b.admin, "img:x", origin.AssetFields{PublicID: "x"})
	for _, ask := range []origin.SignRequest{
		{PublicID: "x", TTL: -1}, {PublicID: "x", TTL: time.Second - 1}, {PublicID: "x", TTL: 7*24*time.Hour + 1},
		{PublicID: "x", Transform: "w_0"}, {PublicID: "x", Transform: "w_1,"}, {PublicID: "x", Transform: "*"},
		{PublicID: "x", Transform: "w_1/../y"}, {PublicID: "x", Transform: "w_1?a=b"},
	} {
		_, _, err := b.SignURL(t.Context(), b.admin, ask)
		wantKind(t, err, origin.Invalid)
	}
	for _, ttl := range []time.Duration{time.Second, 7 * 24 * time.Hour} {
		if _, _, err := b.SignURL(t.Context(), b.admin, origin.SignRequest{PublicID: "x", TTL: ttl}); err != nil {
			t.Errorf("%v: %v", ttl, err)
		}
	}
}

func TestKeyringsDiffer(t *testing.T) {
	b := newBench(t)
	mine, err := b.Keyring(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other, err := newEmptyCore(t, b.cfg).Keyring(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if string(mine.Keys[0].Secret) == string(other.Keys[0].Secret) {
		t.Error("two origins have the same secret")
	}
}
