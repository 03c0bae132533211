package signing

import (
	"strings"
	"testing"

	"github.com/pictor/pictor/shared/wire"
)

func ring(t testing.TB, ids ...string) *Keyring {
	t.Helper()
	var keys []wire.Key
	for _, id := range ids {
		keys = append(keys, wire.Key{ID: id, Secret: []byte(strings.Repeat(id, 32))})
	}
	k, err := New(keys)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var fields = Fields{Expires: 1_800_000_000, Dialect: "imgcloud", Name: "private/contract-001", Scope: "w_1200,q_80"}

func TestSignVerify(t *testing.T) {
	keys := ring(t, "a1")
	sig := keys.Sign(fields)
	if !strings.HasPrefix(sig, "a1.") || len(sig) != len("a1.")+64 {
		t.Fatalf("got %q", sig)
	}
	if !keys.Verify(fields, sig) {
		t.Fatal("own signature refused")
	}
	for name, other := range map[string]Fields{
		"expires": {fields.Expires + 1, fields.Dialect, fields.Name, fields.Scope},
		"dialect": {fields.Expires, "imgsrc", fields.Name, fields.Scope},
		"name":    {fields.Expires, fields.Dialect, "private/contract-002", fields.Scope},
		"scope":   {fields.Expires, fields.Dialect, fields.Name, AnyTransform},
		"shift":   {fields.Expires, fields.Dialect, fields.Name + "\n", fields.Scope},
	} {
		if keys.Verify(other, sig) {
			t.Errorf("%s is not covered", name)
		}
	}
}

func TestOneSpelling(t *testing.T) {
	keys := ring(t, "a1")
	sig := keys.Sign(fields)
	for _, other := range []string{"", ".", "a1", "a1.", strings.ToUpper(sig), "A1" + sig[2:], sig + "0", sig[:len(sig)-1], " " + sig,
		sig + " ", "b1" + sig[2:], sig[3:], "." + sig[3:], "a1.." + sig[4:]} {
		if keys.Verify(fields, other) {
			t.Errorf("%q accepted", other)
		}
	}
	for i := range sig {
		flipped := []byte(sig)
		flipped[i] ^= 1
		if keys.Verify(fields, string(flipped)) {
			t.Errorf("byte %d does not matter", i)
		}
	}
}

func TestRotation(t *testing.T) {
	before, during, after := ring(t, "old"), ring(t, "new", "old"), ring(t, "new")
	sig := before.Sign(fields)
	if !during.Verify(fields, sig) {
		t.Error("a signature of the old key must live while the ring has it")
	}
	if after.Verify(fields, sig) {
		t.Error("a signature of a removed key must not")
	}
	if !after.Verify(fields, during.Sign(fields)) {
		t.Error("the first key must sign")
	}
}

func TestNewRefuses(t *testing.T) {
	long := []byte(strings.Repeat("x", 32))
	for name, keys := range map[string][]wire.Key{
		"empty":     nil,
		"short":     {{ID: "a", Secret: long[:31]}},
		"no id":     {{ID: "", Secret: long}},
		"odd id":    {{ID: "a.b", Secret: long}},
		"upper id":  {{ID: "A", Secret: long}},
		"long id":   {{ID: strings.Repeat("a", 17), Secret: long}},
		"duplicate": {{ID: "a", Secret: long}, {ID: "a", Secret: long}},
	} {
		if _, err := New(keys); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	keys := ring(b, "a1")
	sig := keys.Sign(fields)
	b.ReportAllocs()
	for b.Loop() {
		if !keys.Verify(fields, sig) {
			b.Fatal("refused")
		}
	}
}
