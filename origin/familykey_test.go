package origin_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
)

func (b *bench) mintFamily(who origin.Principal, scopes origin.Scopes, life time.Duration) (origin.APIKey, string) {
	b.Helper()
	key, text, err := b.MintFamilyKey(b.Context(), who, origin.FamilyKey{Family: "fam_", Chars: 40, Name: "ci", Scopes: scopes, Life: life})
	if err != nil {
		b.Fatal(err)
	}
	return key, text
}

func TestFamilyKey(t *testing.T) {
	b := newBench(t)
	ann := b.user("ann")
	key, text := b.mintFamily(ann, origin.AllScopes, 0)
	if len(text) != 40 || !strings.HasPrefix(text, "fam_") || !strings.HasPrefix(text, key.Hint) || len(key.Hint) > 12 ||
		bytes.Contains(key.SecretHash, []byte(text[4:])) {
		t.Errorf("key %q, %+v", text, key)
	}
	who := b.must(b.ByFamilyKey(t.Context(), "fam_", text))
	wantEqual(t, []string{who.Account.ID, who.KeyID, who.SessionID}, []string{ann.Account.ID, key.ID, ""})
	for _, bad := range []string{"", "fam_", text[:39], text + "x", strings.ToUpper(text), key.Hint, key.ID} {
		_, err := b.ByFamilyKey(t.Context(), "fam_", bad)
		wantKind(t, err, origin.Unauthenticated)
	}
	_, err := b.ByFamilyKey(t.Context(), "fam", text)
	wantKind(t, err, origin.Unauthenticated)
	_, err = b.ByAPIKey(t.Context(), key.ID, text) // another family's proof
	wantKind(t, err, origin.Unauthenticated)
	pairs, err := b.ListAPIKeys(t.Context(), ann)
	if err != nil || len(pairs) != 0 {
		t.Errorf("among the pairs: %v, %v", pairs, err)
	}
	wantKind(t, b.RevokeFamilyKey(t.Context(), b.user("bob"), "fam_", key.ID), origin.NotFound)
	if err := b.RevokeFamilyKey(t.Context(), ann, "fam_", key.ID); err != nil {
		t.Fatal(err)
	}
	_, err = b.ByFamilyKey(t.Context(), "fam_", text)
	wantKind(t, err, origin.Unauthenticated)
	wantKind(t, b.RevokeFamilyKey(t.Context(), ann, "fam_", key.ID), origin.NotFound)
}

func TestFamilyKeyExpires(t *testing.T) {
	b := newBench(t)
	ann := b.user("ann")
	_, text := b.mintFamily(ann, origin.AllScopes, 24*time.Hour)
	who := b.must(b.ByFamilyKey(t.Context(), "fam_", text))
	child, _ := b.mintFamily(who, origin.AllScopes, 0)
	wantEqual(t, child.ExpiresAt, b.clock.Now().Add(24*time.Hour))
	b.clock.pass(24*time.Hour - 1)
	b.must(b.ByFamilyKey(t.Context(), "fam_", text))
	b.clock.pass(1)
	_, err := b.ByFamilyKey(t.Context(), "fam_", text)
	wantKind(t, err, origin.Unauthenticated)
	for _, bad := range []origin.FamilyKey{{Name: ""}, {Name: "a\nb"}, {Name: "x", Life: -1}, {Name: "x", Life: 366 * 24 * time.Hour}} {
		bad.Family, bad.Chars, bad.Scopes = "fam_", 40, origin.ScopeRead
		_, _, err := b.MintFamilyKey(t.Context(), ann, bad)
		wantKind(t, err, origin.Invalid)
	}
}

// A key that may only read changes nothing, whatever is tried with it, and the other way round.
func TestScopes(t *testing.T) {
	b := newBench(t)
	ann := b.user("ann")
	image := b.planted(ann, "img:1", "a.jpg")
	asset := b.asset(ann, "img:2", origin.AssetFields{PublicID: "x"})
	preset, err := b.CreatePreset(t.Context(), ann, origin.Preset{Name: "p"})
	if err != nil {
		t.Fatal(err)
	}
	received := b.receive(ann, "photo.jpg", "img:3")
	_, readText := b.mintFamily(ann, origin.ScopeRead, 0)
	_, writeText := b.mintFamily(ann, origin.ScopeWrite, 0)
	reader, writer := b.must(b.ByFamilyKey(t.Context(), "fam_", readText)), b.must(b.ByFamilyKey(t.Context(), "fam_", writeText))
	ctx := t.Context()
	writes := map[string]func(origin.Principal) error{
		"receive": func(p origin.Principal) error {
			_, err := b.Receive(ctx, p, "x.jpg", strings.NewReader("img:4"))
			return err
		},
		"receive URL": func(p origin.Principal) error { _, err := b.ReceiveURL(ctx, p, "http://example.org/"); return err },
		"create": func(p origin.Principal) error {
			_, _, err := b.CreateAsset(ctx, p, received, origin.AssetFields{})
			return err
		},
		"plant": func(p origin.Principal) error {
			_, _, err := b.CreateInTree(ctx, p, received, origin.TreeFields{})
			return err
		},
		"update": func(p origin.Principal) error { _, err := b.UpdateAsset(ctx, p, "x", origin.AssetPatch{}); return err },
		"delete": func(p origin.Principal) error { return b.DeleteAsset(ctx, p, asset.Name.Name) },
		"hide":   func(p origin.Principal) error { _, err := b.ShowInTree(ctx, p, image.Name.Name, "private"); return err },
		"uproot": func(p origin.Principal) error { _, err := b.DeleteFromTree(ctx, p, image.Name.Name); return err },
		"unpath": func(p origin.Principal) error { _, err := b.DeletePath(ctx, p, "ann", "a.jpg"); return err },
		"settings": func(p origin.Principal) error {
			_, err := b.UpdateSettings(ctx, p, origin.SettingsPatch{})
			return err
		},
		"preset": func(p origin.Principal) error { _, err := b.CreatePreset(ctx, p, origin.Preset{Name: "q"}); return err },
		"represet": func(p origin.Principal) error {
			_, err := b.UpdatePreset(ctx, p, preset.ID, origin.PresetPatch{})
			return err
		},
		"unpreset": func(p origin.Principal) error { return b.DeletePreset(ctx, p, "p") },
		"mint": func(p origin.Principal) error {
			_, _, err := b.MintFamilyKey(ctx, p, origin.FamilyKey{Family: "fam_", Chars: 40, Name: "x", Scopes: origin.ScopeRead})
			return err
		},
		"revoke": func(p origin.Principal) error { return b.RevokeFamilyKey(ctx, p, "fam_", p.KeyID) },
	}
	for name, write := range writes {
		if err := write(reader); origin.KindOf(err) != origin.Forbidden {
			t.Errorf("%s with a key to read: %v", name, err)
		}
	}
	reads := map[string]func(origin.Principal) error{
		"list":     func(p origin.Principal) error { _, err := b.ListTree(ctx, p, origin.ListTree{}); return err },
		"find":     func(p origin.Principal) error { _, err := b.FindInTree(ctx, p, image.Name.Name); return err },
		"assets":   func(p origin.Principal) error { _, _, err := b.ListAssets(ctx, p, origin.ListAssets{}); return err },
		"asset":    func(p origin.Principal) error { _, err := b.FindAsset(ctx, p, "x"); return err },
		"settings": func(p origin.Principal) error { _, err := b.Settings(ctx, p); return err },
		"presets":  func(p origin.Principal) error { _, err := b.ListPresets(ctx, p); return err },
		"keys":     func(p origin.Principal) error { _, err := b.ListFamilyKeys(ctx, p, "fam_"); return err },
		"usage":    func(p origin.Principal) error { _, _, err := b.Usage(ctx, p, false); return err },
		"sign": func(p origin.Principal) error {
			_, _, err := b.SignPath(ctx, p, image.Name.Name, "", "", time.Minute)
			return err
		},
	}
	for name, read := range reads {
		if err := read(reader); err != nil {
			t.Errorf("%s with a key to read: %v", name, err)
		}
		if err := read(writer); origin.KindOf(err) != origin.Forbidden {
			t.Errorf("%s with a key to write: %v", name, err)
		}
	}
	_, _, err = b.MintFamilyKey(ctx, writer, origin.FamilyKey{Family: "fam_", Chars: 40, Name: "x", Scopes: origin.AllScopes})
	wantKind(t, err, origin.Forbidden) // more than it has itself
	if _, err := b.FindInTree(ctx, ann, image.Name.Name); err != nil {
		t.Errorf("the image: %v", err)
	}
}
