package imgsrc_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/apitest"
	"github.com/pictor/pictor/origin/internal/fetchurl"
	"github.com/pictor/pictor/origin/internal/server/servertest"
)

// TestTranscripts: see apitest.Play. From the start there are Anna's session {{session}}, her keys {{key}} and, to read
// only, {{reader}}, Bob's key {{bob}}, the key {{fred}} of an account on the plan free, the id {{id}} of photo.png, and a
// host {{host}} with pictures to import.
func TestTranscripts(t *testing.T) { apitest.Play(t, stage) }

func stage(t *testing.T) apitest.Stage {
	o := servertest.Start(t, servertest.Options{Limits: origin.DefaultLimits(), MaxUploadBytes: 64 << 10,
		Fetch: fetchurl.New(fetchurl.Options{MaxBytes: 64 << 10, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})})
	values := map[string]string{"host": pictures(t)}
	for _, name := range []string{"anna", "bob"} {
		values[name+"-session"], values[name] = account(t, o, name, origin.PlanPro, origin.AllScopes)
	}
	values["session"], values["key"] = values["anna-session"], values["anna"]
	_, values["fred"] = account(t, o, "fred", origin.PlanFree, origin.AllScopes)
	_, values["reader"] = account(t, o, "anna", origin.PlanPro, origin.ScopeRead)
	delete(values, "anna-session")
	delete(values, "anna")
	o.Clock.Advance(time.Minute)
	return apitest.Stage{Origin: o, Fixtures: fixtures, Values: values}
}

var fixtures = map[string][]byte{
	"photo.png":         servertest.PNG(40, 30),
	"other.png":         servertest.PNG(20, 10),
	"Été_à_la_mer!.gif": servertest.GIF(8, 8),
	"portrait.jpg":      servertest.JPEG(40, 30, 6),
	"photo.jpg":         servertest.JPEG(16, 16, 1),
	".tmpX1.png":        servertest.PNG(7, 7),
	"large.png":         servertest.PNG(200, 200), // over the cap
	"page.jpg":          []byte("<!DOCTYPE html><title>not a photo</title>"),
}

// account makes the account if need be, signs in and mints a key.
func account(t *testing.T, o *servertest.Origin, name string, plan origin.Plan, scopes origin.Scopes) (session, key string) {
	t.Helper()
	ctx := context.Background()
	admin, _ := o.Admin(t)
	email := name + "@example.com"
	_, err := o.Core.CreateAccount(ctx, admin, origin.NewAccount{Email: email, Password: "a password", Plan: plan})
	if err != nil && origin.KindOf(err) != origin.Duplicate {
		t.Fatal(err)
	}
	o.Clock.Advance(time.Second) // so that keys have an order
	who, session := o.Session(t, email, "a password")
	_, key, err = o.Core.MintFamilyKey(ctx, who, origin.FamilyKey{Family: "imgsrc_", Chars: 56, Name: name, Scopes: scopes})
	if err != nil {
		t.Fatal(err)
	}
	return session, key
}

// pictures serves the fixtures and what an importer should stumble over.
func pictures(t *testing.T) (host string) {
	mux := http.NewServeMux()
	mux.HandleFunc("/{name}", func(w http.ResponseWriter, r *http.Request) {
		content, ok := fixtures[r.PathValue("name")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(content)
	})
	mux.Handle("/moved", http.RedirectHandler("/other.png", http.StatusFound))
	mux.Handle("/around", http.RedirectHandler("/around", http.StatusFound))
	mux.Handle("/inside", http.RedirectHandler("http://127.0.0.2/secret.png", http.StatusFound))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}
