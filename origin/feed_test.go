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

func TestOpenBlob(t *testing.T) {
	b := newBench(t)
	for _, digest := range []string{"", "../pictor.db", "x"} {
		_, err := b.OpenBlob(t.Context(), digest)
		wantKind(t, err, origin.NotFound)
	}
}
