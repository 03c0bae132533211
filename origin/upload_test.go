package origin_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/wire"
)

func sum(body string) []byte {
	sum := sha256.Sum256([]byte(body))
	return sum[:]
}

func TestReceive(t *testing.T) {
	b := newBench(t)
	const chunk = wire.ChunkBytes
	for _, size := range []int{5, chunk - 1, chunk, chunk + 1, 3*chunk + 77} {
		body := "img:" + strings.Repeat("0123456789abcdefghi", size/19+1)[:size-4]
		r, err := b.Receive(t.Context(), b.admin, "x.jpg", iotest.HalfReader(strings.NewReader(body)))
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		var chunks [][]byte
		for rest := body; rest != ""; rest = rest[min(len(rest), chunk):] {
			chunks = append(chunks, sum(rest[:min(len(rest), chunk)]))
		}
		src := r.Source
		wantEqual(t, src.Bytes, int64(size))
		wantEqual(t, src.Digest, hex.EncodeToString(sum(body)))
		wantEqual(t, src.CleanDigest, hex.EncodeToString(sum("clean:"+body[4:])))
		wantEqual(t, src.Chunks, chunks)
		r.Discard()
		if _, missing := b.blob(src.Digest); !missing {
			t.Errorf("%d bytes: a discarded upload is there", size)
		}
	}
}

func TestReceiveRefuses(t *testing.T) {
	b := newBench(t, func(cfg *origin.Config) { cfg.MaxUploadBytes = 1000 })
	picky := origin.Errorf(origin.TooLarge, "part too large")
	for _, c := range []struct {
		body io.Reader
		want origin.Kind
	}{
		{strings.NewReader(""), origin.Invalid},
		{strings.NewReader("<html>"), origin.Unsupported},
		{strings.NewReader("big:"), origin.TooLarge},
		{strings.NewReader("img:" + strings.Repeat("x", 997)), origin.TooLarge},
		{strings.NewReader("<html>" + strings.Repeat("x", 1e6)), origin.TooLarge},
		{io.MultiReader(strings.NewReader("img:"), iotest.ErrReader(io.ErrUnexpectedEOF)), origin.Invalid},
		{io.MultiReader(strings.NewReader("img:"), iotest.ErrReader(fmt.Errorf("read: %w", picky))), origin.TooLarge},
	} {
		r, err := b.Receive(t.Context(), b.admin, "x.jpg", c.body)
		wantKind(t, err, c.want)
		if r != nil {
			t.Error("received")
		}
	}
	r, err := b.Receive(t.Context(), b.admin, "x.jpg", strings.NewReader("img:"+strings.Repeat("x", 996)))
	if err != nil {
		t.Fatalf("exactly the cap: %v", err)
	}
	r.Discard()
	_, err = b.Receive(t.Context(), origin.Principal{}, "x.jpg", strings.NewReader("img:"))
	wantKind(t, err, origin.Unauthenticated)
}

func TestReceiveStopsReadingAtTheCap(t *testing.T) {
	b := newBench(t, func(cfg *origin.Config) { cfg.MaxUploadBytes = 1000 })
	body := strings.NewReader(strings.Repeat("x", 10<<20))
	_, err := b.Receive(t.Context(), b.admin, "x.jpg", body)
	wantKind(t, err, origin.TooLarge)
	if !strings.Contains(err.Error(), "1000 bytes") {
		t.Errorf("the message does not name the cap: %v", err)
	}
	if read := 10<<20 - body.Len(); read > 64<<10 {
		t.Errorf("read %d bytes", read)
	}
}

func TestReceiveWithoutRoom(t *testing.T) {
	hooks := &blobHooks{stage: func() error { return origin.Errorf(origin.Unavailable, "full") }}
	b := newBench(t, hooks.into)
	_, err := b.Receive(t.Context(), b.admin, "x.jpg", strings.NewReader("img:x"))
	wantKind(t, err, origin.Unavailable)
}

func TestCreateAsset(t *testing.T) {
	b := newBench(t)
	ann := b.user("ann")
	fields := origin.AssetFields{PublicID: "marketing/hero", Folder: "campaigns/2026", Visibility: wire.Private,
		Tags: []string{"hero", " homepage ", "hero", "été"}}
	asset, created, err := b.upload(ann, "img:hero", fields)
	if err != nil || !created {
		t.Fatalf("upload: %v, created %v", err, created)
	}
	now := b.clock.Now()
	want := origin.Asset{ID: asset.ID, Account: ann.Account.ID, Name: wire.Name{Namespace: "cloud", Name: "marketing/hero"},
		Filename: "photo.jpg", Folder: "campaigns/2026", Tags: []string{"hero", "homepage", "été"}, Visibility: wire.Private, Version: 1,
		Digest: hex.EncodeToString(sum("img:hero")), CreatedAt: now, UpdatedAt: now, Source: asset.Source}
	wantEqual(t, asset, want)
	found, err := b.FindAsset(t.Context(), ann, "marketing/hero")
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, found, want)
	if body, _ := b.blob(asset.Digest); body != "img:hero" {
		t.Errorf("blob: %q", body)
	}
	wantEqual(t, b.URL(asset), "https://img.example.org/v1/image/marketing/hero")
}

func TestCreateAssetRefuses(t *testing.T) {
	b := newBench(t)
	var many []string
	for i := range 51 {
		many = append(many, fmt.Sprint(i))
	}
	for _, fields := range []origin.AssetFields{
		{PublicID: "../x"}, {PublicID: "/x"}, {PublicID: "x/"}, {PublicID: "a//b"}, {PublicID: "a b"}, {PublicID: "a,b"},
		{PublicID: "w_100/x"}, {PublicID: "é"}, {PublicID: strings.Repeat("x", 201)}, {PublicID: "a\x00"},
		{Folder: "../x"}, {Folder: "a//b"}, {Folder: strings.Repeat("x", 201)}, {Folder: "a b"},
		{Tags: []string{""}}, {Tags: []string{" "}}, {Tags: []string{"a\nb"}}, {Tags: []string{"\xff"}},
		{Tags: []string{strings.Repeat("é", 101)}}, {Tags: many}, {Visibility: "secret"}, {Visibility: "Public"},
		{CacheAge: origin.CacheAge{Given: true, Age: -1}}, {CacheAge: origin.CacheAge{Given: true, Age: 366 * 24 * time.Hour}},
	} {
		_, _, err := b.upload(b.admin, "img:x", fields)
		wantKind(t, err, origin.Invalid)
	}
	if list, _, err := b.ListAssets(t.Context(), b.admin, origin.ListAssets{}); err != nil || len(list) != 0 {
		t.Errorf("assets: %v, %v", list, err)
	}
	asset := b.asset(b.admin, "img:x", origin.AssetFields{Tags: append(many[:50], "0"), Folder: strings.Repeat("x", 200)})
	wantEqual(t, len(asset.Tags), 50)
}

func TestGeneratedIDs(t *testing.T) {
	b := newBench(t)
	seen := map[string]bool{}
	for filename, stem := range map[string]string{
		"photo.jpg": "photo", "My Photo (1).JPEG": "my-photo-1", "": "image", "....": "image", "日本.png": "image",
		"../../etc/passwd": "passwd", `C:\Users\ann\pic.png`: "pic", "w_100,h_100/x.png": "x", "w_100.png": "w-100",
		strings.Repeat("long", 20) + ".jpg": strings.Repeat("long", 10), ".jpg": "image", "a\x00b.gif": "a-b",
	} {
		asset, created, err := b.CreateAsset(t.Context(), b.admin, b.receive(b.admin, filename, "img:same"), origin.AssetFields{})
		if err != nil || !created {
			t.Fatalf("%q: %v", filename, err)
		}
		id := asset.Name.Name
		if !regexp.MustCompile("^" + stem + "-[0-9a-f]{12}$").MatchString(id) {
			t.Errorf("%q became %q", filename, id)
		}
		if seen[id] {
			t.Errorf("%q twice", id)
		}
		seen[id] = true
		wantEqual(t, asset.Visibility, wire.Public)
	}
	asset := b.asset(b.admin, "img:x", origin.AssetFields{Folder: "marketing"})
	if strings.Contains(asset.Name.Name, "marketing") {
		t.Errorf("the folder went into the public id %q", asset.Name.Name)
	}
}

func TestOverwrite(t *testing.T) {
	b := newBench(t)
	ann, bob := b.user("ann"), b.user("bob")
	fields := origin.AssetFields{PublicID: "hero", Folder: "f", Tags: []string{"t"}, Visibility: wire.Private,
		CacheAge: origin.CacheAge{Given: true, Age: time.Minute}}
	first := b.asset(ann, "img:1", fields)
	_, seq := b.changesAfter(0)

	for _, who := range []origin.Principal{ann, bob, b.admin} {
		_, _, err := b.upload(who, "img:2", origin.AssetFields{PublicID: "hero"})
		wantKind(t, err, origin.Duplicate)
	}
	_, _, err := b.upload(bob, "img:2", origin.AssetFields{PublicID: "hero", Overwrite: true})
	wantKind(t, err, origin.Forbidden)
	if names, _ := b.changesAfter(seq); len(names) != 0 {
		t.Errorf("changes of what failed: %v", names)
	}

	b.clock.pass(time.Minute)
	second, created, err := b.upload(ann, "img:2", origin.AssetFields{PublicID: "hero", Overwrite: true})
	if err != nil || created {
		t.Fatalf("overwrite: %v, created %v", err, created)
	}
	want := first
	want.Version, want.UpdatedAt = 2, b.clock.Now()
	want.Source, want.Digest = second.Source, hex.EncodeToString(sum("img:2"))
	wantEqual(t, second, want) // what was not given stays, above all that it is private
	if names, _ := b.changesAfter(seq); len(names) != 1 || names[0] != "hero" {
		t.Errorf("changes: %v", names)
	}

	third, created, err := b.upload(b.admin, "img:3", origin.AssetFields{PublicID: "hero", Overwrite: true, Folder: "g",
		Tags: []string{"u"}, Visibility: wire.Public, CacheAge: origin.CacheAge{Given: true}})
	if err != nil || created {
		t.Fatalf("overwrite by the administrator: %v, created %v", err, created)
	}
	wantEqual(t, third.Account, ann.Account.ID)
	wantEqual(t, []any{third.Folder, third.Tags, third.Visibility, third.CacheAge, third.Version},
		[]any{"g", []string{"u"}, wire.Public, origin.CacheAge{Given: true}, int64(3)})

	_, created, err = b.upload(ann, "img:x", origin.AssetFields{PublicID: "new", Overwrite: true})
	if err != nil || !created {
		t.Errorf("overwriting nothing: %v, created %v", err, created)
	}
}

func TestSameBytesInTwoAccounts(t *testing.T) {
	b := newBench(t)
	ann, bob := b.user("ann"), b.user("bob")
	hers := b.asset(ann, "img:same", origin.AssetFields{PublicID: "hers"})
	his, created, err := b.upload(bob, "img:same", origin.AssetFields{PublicID: "his"})
	if err != nil || !created || his.ID == hers.ID || his.Version != 1 {
		t.Fatalf("the second upload of the same bytes shows: %+v, %v, %v", his, created, err)
	}
	_, err = b.FindAsset(t.Context(), bob, "hers")
	wantKind(t, err, origin.Forbidden)
	if err := b.DeleteAsset(t.Context(), ann, "hers"); err != nil {
		t.Fatal(err)
	}
	b.collect(0)
	if _, missing := b.blob(his.Digest); missing {
		t.Error("deleting hers took his bytes")
	}
}

// Of many who create the same public id at the same time, one does.
func TestCreateRaces(t *testing.T) {
	b := newBench(t)
	var mu sync.Mutex
	var all sync.WaitGroup
	created := 0
	for i := range 8 {
		r := b.receive(b.admin, "x.jpg", picture(i%2))
		all.Go(func() {
			_, _, err := b.CreateAsset(t.Context(), b.admin, r, origin.AssetFields{PublicID: "one"})
			if err != nil && origin.KindOf(err) != origin.Duplicate {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				created++
			}
		})
	}
	all.Wait()
	wantEqual(t, created, 1)
}

// What is written is there after the store fails in the middle: a name without bytes must not come about.
func TestCommitFails(t *testing.T) {
	broken := errors.New("disk gone")
	b := newBench(t)
	failing := b.cfg
	failing.Blobs = failingCommit{b.cfg.Blobs, broken}
	core, err := origin.New(t.Context(), failing)
	if err != nil {
		t.Fatal(err)
	}
	r, err := core.Receive(t.Context(), b.admin, "x.jpg", strings.NewReader("img:x"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Discard()
	_, _, err = core.CreateAsset(t.Context(), b.admin, r, origin.AssetFields{PublicID: "x"})
	if !errors.Is(err, broken) {
		t.Fatalf("create: %v", err)
	}
	_, err = b.FindAsset(t.Context(), b.admin, "x")
	wantKind(t, err, origin.NotFound)
	if names, _ := b.changesAfter(0); len(names) != 0 {
		t.Errorf("changes: %v", names)
	}
}

func TestUploadLimit(t *testing.T) {
	b := newBench(t)
	for range 20 {
		if err := b.AllowUpload(client("192.0.2.1")); err != nil {
			t.Fatal(err)
		}
	}
	wantEqual(t, wantWait(t, b.AllowUpload(client("192.0.2.1"))), 3*time.Second)
	if err := b.AllowUpload(client("192.0.2.2")); err != nil {
		t.Error(err)
	}
	b.clock.pass(3 * time.Second)
	if err := b.AllowUpload(client("192.0.2.1")); err != nil {
		t.Error(err)
	}
	wantWait(t, b.AllowUpload(client("192.0.2.1")))
	b.clock.pass(time.Minute)
	for range 20 {
		if err := b.AllowUpload(client("192.0.2.1")); err != nil {
			t.Fatal(err)
		}
	}
	wantWait(t, b.AllowUpload(client("192.0.2.1")))
}
