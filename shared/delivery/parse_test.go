package delivery

import (
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/shared/signing"
	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

func keys(t testing.TB) *signing.Keyring {
	t.Helper()
	ring, err := signing.New([]wire.Key{{ID: "k1", Secret: []byte(strings.Repeat("s", 32))}})
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func TestParse(t *testing.T) {
	for target, want := range map[string]struct {
		id, spec    string
		transformed bool
		version     string
	}{
		"/v1/image/photo-3a7f9c81b2e4":                   {"photo-3a7f9c81b2e4", "", false, ""},
		"/v1/image/w_400,h_400,c_fill,q_80,f_webp/photo": {"photo", "c_fill,f_webp,h_400,q_80,w_400", true, ""},
		"/v1/image/marketing/hero":                       {"marketing/hero", "", false, ""},
		"/v1/image/w_400/marketing/hero.jpg":             {"marketing/hero.jpg", "w_400", true, ""},
		"/v1/image/w_400":                                {"w_400", "", false, ""}, // nothing follows: an id
		"/v1/image/my_photos/cat":                        {"my_photos/cat", "", false, ""},
		"/v1/image/r_0/photo":                            {"photo", "", true, ""},
		"/v1/image/photo?v=3":                            {"photo", "", false, "3"},
		"/v1/image/photo?utm=x&v=3":                      {"photo", "", false, "3"},
		"/v1/image/A-z_0~9.b/c":                          {"A-z_0~9.b/c", "", false, ""},
		"/v1/image/" + strings.Repeat("a", MaxIDBytes):   {strings.Repeat("a", MaxIDBytes), "", false, ""},
	} {
		req, err := Parse(target)
		if err != nil {
			t.Errorf("%s: %v", target, err)
			continue
		}
		if req.Name != (wire.Name{Namespace: wire.NamespaceCloud, Name: want.id}) || wished(req).String() != want.spec ||
			req.Plain() == want.transformed || req.Version != want.version || req.Signature.Given {
			t.Errorf("%s: got %+v", target, req)
		}
	}
}

func wished(req Request) transform.Spec {
	w, _ := req.wish.(whole)
	return w.Spec
}

func TestParseRefuses(t *testing.T) {
	for target, route := range map[string]bool{
		"/": true, "/v1/images/x": true, "": true, "/v1/image": true, "/V1/image/x": true,
		"http://h/v1/image/x": false,
		"//v1/image/x":        false, "/v1//image/x": false, "/v1/../v1/image/x": false, "/v1/./image/x": false, "/..": false,
		"/v1%2Fimage/x": false, "/v1\\image/x": false, "/v1/image/x?a#b": false, "/v1/image/x?\xc3\xa4": false, "/v1/image/x?a b": false,
		"/v1/image/": false, "/v1/image//x": false, "/v1/image/a//b": false, "/v1/image/a/": false,
		"/v1/image/../x": false, "/v1/image/a/../b": false, "/v1/image/./a": false, "/v1/image/.hidden": false,
		"/v1/image/a%2Fb": false, "/v1/image/%61": false, "/v1/image/a%00": false, "/v1/image/a%252e": false,
		"/v1/image/a\\b": false, "/v1/image/a b": false, "/v1/image/\xc0\xae": false, "/v1/image/é": false, "/v1/image/a#b": false,
		"/v1/image/w_400,zz_3/photo": false, "/v1/image/zz_3,w_400/photo": false, "/v1/image/w_0400/photo": false,
		"/v1/image/w_4,w_4/photo": false, "/v1/image/a,b/photo": false, "/v1/image/a,b": false, "/v1/image/w_400,/photo": false,
		"/v1/image/w_400//photo":                             false,
		"/v1/image/" + strings.Repeat("a", MaxIDBytes+1):     false,
		"/v1/image/a?" + strings.Repeat("b", MaxTargetBytes): false,
	} {
		_, err := Parse(target)
		if err == nil {
			t.Errorf("%s: accepted", target)
			continue
		}
		bad, ok := err.(*Error)
		if got := ok && bad.Route; got != route {
			t.Errorf("%s: got %v, route %v, want %v", target, err, got, route)
		}
	}
}

func TestSigned(t *testing.T) {
	ring := keys(t)
	expires := time.Unix(1_900_000_000, 0)
	for _, text := range []string{"", "w_1200,q_80"} {
		target := SignCloud(ring, "private/contract-001", text, expires)
		req, err := Parse(target)
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		if !req.Signature.Given || req.Signature.Fields.Expires != expires.Unix() || !ring.Verify(req.Signature.Fields, req.Signature.Text) {
			t.Errorf("%s: own signature does not hold: %+v", target, req.Signature)
		}
	}
}

// Of all the ways to write a signed URL exactly one is valid.
func TestSignedHasOneSpelling(t *testing.T) {
	ring := keys(t)
	target := SignCloud(ring, "private/contract-001", "w_1200,q_80", time.Unix(1_900_000_000, 0))
	path, query, _ := strings.Cut(target, "?")
	exp, sig, _ := strings.Cut(query, "&")
	for _, other := range []string{
		path + "?" + sig + "&" + exp, // swapped
		path + "?" + exp, path + "?" + sig, path + "?" + query + "&", path + "?&" + query, path + "?" + query + "&v=1",
		path + "?v=1&" + query, path + "?" + exp + "&v=1&" + sig, path + "?" + exp + "&" + query, path + "?" + query + "&" + sig,
		path + "?expires=01900000000&" + sig, path + "?expires=%31900000000&" + sig, path + "?expires=+1900000000&" + sig,
		path + "?Expires=1900000000&" + sig, path + "?" + exp + "&SIG=" + sig[4:], path + "?" + exp + ";" + sig,
		strings.Replace(target, "w_1200,q_80", "q_80,w_1200", 1), strings.Replace(target, "w_1200,q_80/", "", 1),
		strings.Replace(target, "w_1200", "w_1201", 1), strings.Replace(target, "contract-001", "contract-002", 1),
		strings.Replace(target, "w_1200,q_80", "w_1200,q_80,dpr_1", 1), strings.Replace(target, "/private/", "//private/", 1),
		strings.Replace(target, "sig=k1", "sig=K1", 1), target + "#", target + " ", target + "%20", target + "\x00",
	} {
		req, err := Parse(other)
		if err == nil && req.Signature.Given && ring.Verify(req.Signature.Fields, req.Signature.Text) {
			t.Errorf("%s: accepted as a signed URL", other)
		}
	}
}

func TestCheckID(t *testing.T) {
	for id, ok := range map[string]bool{"photo": true, "a/b/c": true, "w_400": true, "my_x/b": true, "w_400/b": false,
		"t_x/b": false, "ar_1/b": false, "": false, "/a": false, "a/": false, "a//b": false, ".a": false, "a/.b": false,
		"a b": false, "ä": false, "a,b": false, "a%20": false, strings.Repeat("x", 201): false} {
		if err := CheckID(id); (err == nil) != ok {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"/v1/image/photo", "/v1/image/w_400,c_fill/a/b?v=1", "/v1/image/a?expires=1&sig=k.0",
		"/v1/image/%2e%2e", "/v1/image//", "/v1/image/w_4/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		req, err := Parse(target)
		if err != nil {
			return
		}
		if checkSegments(req.Name.Name) != nil {
			t.Fatalf("%q gives the id %q", target, req.Name.Name)
		}
		if strings.ContainsAny(target, "\n") && req.Signature.Given && strings.Contains(req.Signature.Fields.Scope+req.Signature.Fields.Name, "\n") {
			t.Fatalf("%q gives signed fields that hold a newline", target)
		}
	})
}

func TestChosen(t *testing.T) {
	for target, want := range map[string]bool{
		"/v1/image/photo": true, "/v1/image/photo?v=3": true, "/v1/image/t_card/photo": true,
		"/v1/image/w_4/photo": false, "/v1/image/t_card,w_4/photo": false, "/v1/image/r_0/photo": false,
		"/i/ann/photo.webp": true, "/i/ann/photo.webp?w=4": false,
	} {
		req, err := Parse(target)
		if err != nil || req.Chosen() != want {
			t.Errorf("%s: %v %v", target, req.Chosen(), err)
		}
	}
}
