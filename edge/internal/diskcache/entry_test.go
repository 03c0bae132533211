package diskcache

import (
	"bytes"
	"flag"
	"testing"

	"pgregory.net/rapid"

	"github.com/pictor/pictor/edge"
)

func encoded(key edge.Key, obj *edge.Object) []byte {
	value := make([]byte, entryBytes(key, obj))
	encodeEntry(value, key, obj)
	return value
}

// What is drawn is the same each time; -rapid.seed=0 draws something else.
func init() { _ = flag.Set("rapid.seed", "1") }

func checked(value []byte, key edge.Key) (*edge.Object, error) {
	obj, err := decodeEntry(value, key) // which must get along with anything
	if bad := checkEntry(value); bad != nil {
		return nil, bad
	}
	return obj, err
}

func TestEntryRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := edge.Key(rapid.String().Draw(t, "key"))
		want := &edge.Object{MediaType: rapid.String().Draw(t, "type"), ETag: rapid.String().Draw(t, "tag"),
			Body: rapid.SliceOf(rapid.Byte()).Draw(t, "body")}
		value := encoded(key, want)
		got, err := checked(value, key)
		if err != nil || got.MediaType != want.MediaType || got.ETag != want.ETag || !bytes.Equal(got.Body, want.Body) {
			t.Fatalf("got %+v (err %v), want %+v", got, err, want)
		}
		if other, err := checked(value, key+"x"); other != nil || err != nil {
			t.Fatalf("under another key: %v, %v", other, err)
		}
	})
}

func TestEveryFlippedBitIsNoticed(t *testing.T) {
	value := encoded("key", &edge.Object{MediaType: "image/webp", ETag: `"tag"`, Body: []byte("a body of some length")})
	for i := range len(value) * 8 {
		bad := bytes.Clone(value)
		bad[i/8] ^= 1 << (i % 8)
		if obj, err := checked(bad, "key"); obj != nil || err == nil {
			t.Fatalf("bit %d flipped: got %+v, %v", i, obj, err)
		}
	}
	for i := range value {
		if obj, err := checked(value[:i], "key"); obj != nil || err == nil {
			t.Fatalf("cut after %d bytes: got %+v, %v", i, obj, err)
		}
	}
}

func FuzzDecodeEntry(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{entryVersion, 0, 0, 0, 0})
	f.Add(encoded("key", &edge.Object{MediaType: "image/webp", ETag: `"tag"`, Body: []byte("body")}))
	f.Add(encoded("", &edge.Object{}))
	f.Fuzz(func(t *testing.T, value []byte) {
		obj, err := checked(value, "key")
		if obj != nil && err == nil && !bytes.Equal(encoded("key", obj), value) {
			t.Fatalf("%x is read as %+v, which is written otherwise", value, obj)
		}
	})
}

func FuzzDecodeGenerations(f *testing.F) {
	f.Add([]byte{})
	f.Add(generations{{1, 0}}.encode())
	f.Add(generations{{7, 1 << 40}, {8, 12}, {1 << 50, 1 << 60}}.encode())
	f.Add([]byte{2, 0, 1, 0})
	f.Fuzz(func(t *testing.T, text []byte) {
		g, err := decodeGenerations(text)
		if err != nil {
			return
		}
		again, err := decodeGenerations(g.encode())
		if err != nil || len(again) != len(g) || g.bytes() != again.bytes() || g.newest().id != again.newest().id {
			t.Fatalf("%x is read as %v, and then as %v (err %v)", text, g, again, err)
		}
		for i := range g {
			if g[i].bytes < 0 || i > 0 && g[i].id <= g[i-1].id {
				t.Fatalf("%x is read as %v", text, g)
			}
		}
	})
}

func TestQueueKeepsWhatIsBeingWritten(t *testing.T) {
	q := newQueue(10, 10_000)
	quick, final := edge.NewObject("a/b", []byte("quick")), edge.NewObject("a/b", []byte("final"))
	q.put("k", quick)
	taken := q.take(1)
	if q.find("k") != quick {
		t.Fatal("an Object that is being written cannot be found")
	}
	q.put("k", final)
	q.done(taken)
	if q.find("k") != final {
		t.Fatal("the end of the first write lost the second")
	}
	taken = q.take(1)
	q.done(taken)
	if entries, bytes := q.size(); len(taken) != 1 || q.find("k") != nil || entries != 0 || bytes != 0 {
		t.Fatalf("after the last write: %d taken, %d entries, %d bytes", len(taken), entries, bytes)
	}
}

func TestQueueIsBounded(t *testing.T) {
	q := newQueue(3, 1000)
	obj := func(n int) *edge.Object { return edge.NewObject("", make([]byte, n)) }
	if q.put("large", obj(1000)) {
		t.Fatal("took more bytes than allowed")
	}
	for i, want := range []bool{true, true, true, false} {
		if got := q.put(edge.Key(rune('a'+i)), obj(i)); got != want {
			t.Fatalf("put %d of at most 3: %v", i, got)
		}
	}
	if !q.put("a", obj(0)) {
		t.Fatal("what waits already was refused")
	}
	if n := q.drop(); n != 3 {
		t.Fatalf("dropped %d, want 3", n)
	}
	if !q.put("z", obj(1)) {
		t.Fatal("no room after everything was dropped")
	}
}
