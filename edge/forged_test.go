package edge_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/signing"
	"github.com/pictor/pictor/shared/wire"
)

// Of a signed URL exactly one spelling is valid, and none can be made without the key. «make soak» tries a million.
func TestForgedAndRespelledSignatures(t *testing.T) {
	tries := 20_000
	if os.Getenv("PICTOR_SOAK") != "" {
		tries = 1_000_000
	}
	w := newWorld(t)
	for _, name := range []string{"secret", "private/contract-001", "x"} {
		w.add(name, picture, func(m *wire.Manifest) { m.Visibility = wire.Private })
	}
	at := now.Add(time.Hour)
	var valid []string
	for _, of := range [][2]string{{"secret", "w_40"}, {"secret", ""}, {"private/contract-001", "w_1200,q_80,f_webp"}, {"x", "r_0"}} {
		valid = append(valid, delivery.SignCloud(w.keys, of[0], of[1], at))
	}
	forger := forger{rand.New(rand.NewPCG(1, 2)), valid, otherKeys(t)}
	known := map[string]bool{}
	for _, target := range valid {
		known[target] = true
	}
	var c fasthttp.RequestCtx
	status := func(target string) int {
		var req fasthttp.Request
		req.Header.SetMethod("GET")
		req.Header.SetRequestURI(target)
		c.Response.Reset()
		c.Init(&req, nil, nil)
		w.edge.Serve(&c)
		return c.Response.StatusCode()
	}
	seen := map[int]int{}
	for i := range tries {
		target := forger.next()
		if known[target] {
			continue // a change that took itself back
		}
		got := status(target)
		seen[got]++
		if got < 400 {
			t.Fatalf("try %d: %q gives %d", i, target, got)
		}
		if i%1000 == 0 {
			if own := valid[i/1000%len(valid)]; status(own) != 200 {
				t.Fatalf("try %d: the valid %q gives %d", i, own, c.Response.StatusCode())
			}
		}
	}
	if seen[403] < tries/2 || seen[400] < tries/100 {
		t.Errorf("the tries were too tame: %v", seen)
	}
	t.Logf("statuses of %d tries: %v", tries, seen)
}

// forger makes URLs that look like valid ones.
type forger struct {
	*rand.Rand
	valid []string
	other *signing.Keyring // not the edge's
}

func (f forger) one(of []string) string { return of[f.IntN(len(of))] }

// next changes a valid URL in one to three ways.
func (f forger) next() string {
	target := f.one(f.valid)
	for range 1 + f.IntN(3) {
		target = f.change(target)
	}
	return target
}

func (f forger) change(target string) string {
	if target == "" {
		return "/"
	}
	at := f.IntN(len(target))
	path, query, _ := strings.Cut(target, "?")
	params := strings.Split(query, "&")
	switch f.IntN(16) {
	case 0:
		return target[:at] + string(rune(f.IntN(128))) + target[at+1:]
	case 1:
		return target[:at] + target[at+1:]
	case 2:
		return target[:at] + string(target[at]) + target[at:]
	case 3:
		return target[:at] + fmt.Sprintf("%%%02x", target[at]) + target[at+1:]
	case 4:
		return target[:at] + f.one([]string{"%00", "%2f", "/", "//", "/./", "/../", "\\", ";", "%25", "&", "?", "#", "+", "\xc0\xaf", " "}) + target[at:]
	case 5:
		return target[:at] + strings.ToUpper(target[at:])
	case 6:
		f.Shuffle(len(params), func(i, j int) { params[i], params[j] = params[j], params[i] })
		return path + "?" + strings.Join(params, "&")
	case 7:
		return path + "?" + query + "&" + f.one(params)
	case 8:
		return path + "?" + f.one(params) + "&" + query
	case 9:
		return path + "?" + f.one([]string{"v=1&", "&", "x&", "sig=&", "expires=&", "expires=9999999999&"}) + query
	case 10:
		return path + "?" + query + f.one([]string{"&v=1", "&", "&&", "=", "%20", "0", ".", "#", "&sig", "?"})
	case 11: // another URL's proof
		_, proof, _ := strings.Cut(f.one(f.valid), "?")
		return path + "?" + proof
	case 12: // another key, or the same key's name with another key's code
		forged := delivery.SignCloud(f.other, "secret", "w_40", now.Add(time.Hour))
		return strings.Replace(forged, "sig=k2.", f.one([]string{"sig=k2.", "sig=k1.", "sig=.", "sig="}), 1)
	case 13: // a later end
		return strings.Replace(target, "expires="+fmt.Sprint(now.Add(time.Hour).Unix()), fmt.Sprintf("expires=%d", now.Unix()+f.Int64N(1e6)), 1)
	case 14: // a guess
		return path + "?expires=" + fmt.Sprint(now.Add(time.Hour).Unix()) + fmt.Sprintf("&sig=k1.%016x%016x%016x%016x", f.Uint64(), f.Uint64(), f.Uint64(), f.Uint64())
	default:
		return f.one([]string{path, path + "?", path + "?" + params[0], strings.Replace(target, "w_", "w_0", 1),
			strings.Replace(target, "/v1/image/", "/v1/image/w_1/", 1), strings.Replace(target, "/v1/", "/V1/", 1)})
	}
}
