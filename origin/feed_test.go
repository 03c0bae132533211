package origin_test

import (
	"testing"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/wire"
)

func TestManifest(t *testing.T) {
	b := newBench(t)
	name := wire.Name{Namespace: wire.NamespaceCloud, Name: "x"}
	_, before, err := b.Manifest(t.Context(), name)
	wantKind(t, err, origin.NotFound)

	asset := b.asset(b.admin, "img:x", origin.AssetFields{PublicID: "x", Visibility: wire.Private})
	m, seq, err := b.Manifest(t.Context(), name)
	if err != nil || seq <= before {
		t.Fatalf("manifest at %d after %d: %v", seq, before, err)
	}
	wantEqual(t, m, wire.Manifest{Name: name, Seq: seq, Asset: asset.ID, Account: b.admin.Account.ID, Version: 1,
		Visibility: wire.Private, UpdatedAt: b.clock.Now().Unix(), Source: asset.Source,
		Inspect: true})

	if err := b.DeleteAsset(t.Context(), b.admin, "x"); err != nil {
		t.Fatal(err)
	}
	_, gone, err := b.Manifest(t.Context(), name)
	wantKind(t, err, origin.NotFound)
	if gone <= seq {
		t.Errorf("gone at %d, was there at %d", gone, seq)
	}
	_, _, err = b.Manifest(t.Context(), wire.Name{Namespace: "elsewhere", Name: "x"})
	wantKind(t, err, origin.NotFound)
}

// An edge that waits for Changed, then reads Changes, has everything.
func TestFeed(t *testing.T) {
	b := newBench(t)
	changed := b.Changed()
	b.asset(b.admin, "img:x", origin.AssetFields{PublicID: "x"})
	<-changed
	epoch, last, rows, err := b.Changes(t.Context(), 0, 0)
	if err != nil || epoch == "" {
		t.Fatal(err)
	}
	wantEqual(t, rows, []origin.NumberedChange{{Seq: last, Name: wire.Name{Namespace: "cloud", Name: "x"}}})
	changed = b.Changed()
	if _, err := b.UpdateAsset(t.Context(), b.admin, "x", origin.AssetPatch{Folder: ptr("f")}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
		t.Error("a new folder was announced")
	default:
	}
	if _, err := b.UpdateAsset(t.Context(), b.admin, "x", origin.AssetPatch{Visibility: ptr(wire.Private)}); err != nil {
		t.Fatal(err)
	}
	<-changed
	b.restart()
	same, _, rows, err := b.Changes(t.Context(), last, 1)
	if err != nil || same != epoch || len(rows) != 1 {
		t.Errorf("epoch %q, then %q; %v, %v", epoch, same, rows, err)
	}
}

// Edges are told of a blob when the last asset lets go of it, not before.
func TestFeedNamesBlobsThatAreGone(t *testing.T) {
	b := newBench(t)
	first := b.asset(b.admin, "img:x", origin.AssetFields{PublicID: "x"})
	b.asset(b.admin, "img:x", origin.AssetFields{PublicID: "y"}) // the same bytes
	_, after, _, err := b.Changes(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	gone := func() (digests []string) {
		t.Helper()
		_, last, rows, err := b.Changes(t.Context(), after, 0)
		if err != nil {
			t.Fatal(err)
		}
		after = last
		for _, row := range rows {
			if row.Name.Namespace == wire.NamespaceBlob {
				digests = append(digests, row.Name.Name)
			}
		}
		return digests
	}
	if err := b.DeleteAsset(t.Context(), b.admin, "x"); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, gone(), []string(nil))
	b.asset(b.admin, "img:x", origin.AssetFields{PublicID: "y", Overwrite: true}) // with the same bytes again
	wantEqual(t, gone(), []string(nil))
	second := b.asset(b.admin, "img:other", origin.AssetFields{PublicID: "y", Overwrite: true})
	wantEqual(t, gone(), []string{first.Digest})
	if err := b.DeleteAsset(t.Context(), b.admin, "y"); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, gone(), []string{second.Digest})
}

func TestOpenBlob(t *testing.T) {
	b := newBench(t)
	for _, digest := range []string{"", "../pictor.db", "x"} {
		_, err := b.OpenBlob(t.Context(), digest)
		wantKind(t, err, origin.NotFound)
	}
}
