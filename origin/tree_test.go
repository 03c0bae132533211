package origin_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/wire"
)

// plant uploads into a tree.
func (b *bench) plant(who origin.Principal, body string, fields origin.TreeFields) (origin.Asset, bool, error) {
	b.Helper()
	return b.CreateInTree(b.Context(), who, b.receive(who, "photo.jpg", body), fields)
}

func (b *bench) planted(who origin.Principal, body, path string) origin.Asset {
	b.Helper()
	asset, _, err := b.plant(who, body, origin.TreeFields{Path: path})
	if err != nil {
		b.Fatalf("upload to %s: %v", path, err)
	}
	return asset
}

// meaning is the id of what edges deliver under a name, "" for nothing.
func (b *bench) meaning(namespace, name string) string {
	b.Helper()
	m, _, err := b.Manifest(b.Context(), wire.Name{Namespace: namespace, Name: name})
	if origin.KindOf(err) == origin.NotFound {
		return ""
	}
	if err != nil {
		b.Fatal(err)
	}
	wantEqual(b, m.Name, wire.Name{Namespace: namespace, Name: name})
	return m.Asset
}

func paths(a origin.Asset) (list []string) {
	for _, p := range a.Paths {
		list = append(list, p.Name)
	}
	return list
}

func TestSeveralPathsOneImage(t *testing.T) {
	b := newBench(t)
	ann := b.user("ann")
	first, created, err := b.plant(ann, "img:a", origin.TreeFields{Path: "x/y"})
	if err != nil || !created || len(first.Name.Name) != 16 || !strings.HasPrefix(first.Digest, first.Name.Name) {
		t.Fatalf("%+v, %v, %v", first, created, err)
	}
	again, created, err := b.plant(ann, "img:a", origin.TreeFields{Path: "hero.png"})
	if err != nil || created || again.ID != first.ID {
		t.Fatalf("%+v, %v, %v", again, created, err)
	}
	wantEqual(t, paths(again), []string{"x/y/photo.jpg", "hero.png"})
	_, before := b.changesAfter(0)
	replay, created, err := b.plant(ann, "img:a", origin.TreeFields{Path: "hero.png"})
	if err != nil || created || !slices.Equal(replay.Paths, again.Paths) {
		t.Errorf("replay: %+v, %v, %v", replay, created, err)
	}
	if names, _ := b.changesAfter(before); len(names) != 0 {
		t.Errorf("a replay changes %v", names)
	}
	_, _, err = b.plant(ann, "img:b", origin.TreeFields{Path: "hero.png"})
	wantKind(t, err, origin.Duplicate)
	wantEqual(t, b.meaning("u/ann", "hero.png"), first.ID)
	wantEqual(t, b.meaning("u/bob", "hero.png"), "")
	wantEqual(t, b.meaning("tree/"+ann.Account.ID, first.Name.Name), "") // ids are no delivery names
}

// The first upload of a stem keeps it; when it goes, the next oldest has it.
func TestStems(t *testing.T) {
	b := newBench(t)
	ann := b.user("ann")
	first, second, third := b.planted(ann, "img:1", "s/p.jpg"), b.planted(ann, "img:2", "s/p.png"), b.planted(ann, "img:3", "s/p.webp")
	wantEqual(t, b.meaning("s/ann", "s/p"), first.ID)
	wantEqual(t, b.meaning("s/ann", "s/p.png"), second.ID) // for p.png.avif
	urls, err := b.FormatURLs(t.Context(), first, "avif")
	wantEqual(t, urls, []string{"https://img.example.org/i/ann/s/p.avif"})
	urls2, err2 := b.FormatURLs(t.Context(), second, "avif")
	wantEqual(t, urls2, []string{"https://img.example.org/i/ann/s/p.png.avif"})
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	_, before := b.changesAfter(0)
	if _, err := b.DeleteFromTree(t.Context(), ann, first.Name.Name); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, b.meaning("s/ann", "s/p"), second.ID)
	if names, _ := b.changesAfter(before); !slices.Contains(names, "s/p") || !slices.Contains(names, "s/p.jpg") {
		t.Errorf("edges hear of %v", names)
	}
	if _, err := b.DeletePath(t.Context(), ann, "ann", "s/p.png"); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, b.meaning("s/ann", "s/p"), third.ID)
}

// Two accounts with the same bytes know nothing of each other, and the bytes stay until both have let go.
func TestTreesAreSeparate(t *testing.T) {
	b := newBench(t)
	ann, bob := b.user("ann"), b.user("bob")
	hers := b.planted(ann, "img:same", "a.jpg")
	_, err := b.FindInTree(t.Context(), bob, hers.Name.Name)
	wantKind(t, err, origin.NotFound)
	his, created, err := b.plant(bob, "img:same", origin.TreeFields{Path: "a.jpg"})
	if err != nil || !created || his.ID == hers.ID || his.Name.Name != hers.Name.Name {
		t.Fatalf("%+v, %v, %v", his, created, err)
	}
	if _, err := b.ShowInTree(t.Context(), ann, hers.Name.Name, wire.Private); err != nil {
		t.Fatal(err)
	}
	his, err = b.FindInTree(t.Context(), bob, his.Name.Name)
	if err != nil || his.Visibility != wire.Public {
		t.Errorf("%+v, %v", his, err)
	}
	for _, call := range []func() error{
		func() error { _, err := b.DeletePath(t.Context(), bob, "ann", "a.jpg"); return err },
		func() error { _, err := b.DeletePath(t.Context(), bob, "nobody", "a.jpg"); return err },
	} {
		wantKind(t, call(), origin.Forbidden)
	}
	if _, err := b.DeleteFromTree(t.Context(), ann, hers.Name.Name); err != nil {
		t.Fatal(err)
	}
	b.clock.pass(time.Hour)
	collect := func() int {
		t.Helper()
		removed, err := b.CollectGarbage(t.Context(), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return removed
	}
	wantEqual(t, collect(), 0)
	if _, err := b.DeleteFromTree(t.Context(), bob, his.Name.Name); err != nil {
		t.Fatal(err)
	}
	b.clock.pass(time.Hour)
	wantEqual(t, collect(), 1)
}

func TestTreePaths(t *testing.T) {
	b := newBench(t)
	ann := b.user("ann")
	n := 0
	for _, c := range []struct{ filename, path, want string }{
		{"photo.jpg", "", "photo.jpg"}, {"photo", "", "photo.jpg"}, {"My Photo (1).JPG", "", "My-Photo-1.JPG"},
		{`C:\pics\a.png`, "", "a.png"}, {"../../x.png", "", "x.png"}, {".hidden.png", "f/", "f/hidden.png"},
		{"photo.jpg", "a/b", "a/b/photo.jpg"}, {"photo.jpg", "a/b.webp", "a/b.webp"}, {"photo.jpg", "a/b.webp/", "a/b.webp/photo.jpg"},
		{"photo.jpg", "/a//b c/", "a/b-c/photo.jpg"}, {"photo.jpg", "v1.2", "v1.2/photo.jpg"}, {"old.jxl", "", "old.jxl.jpg"},
		{"日本.png", "t", ""}, {"", "", ""}, {strings.Repeat("x", 300) + ".png", "", strings.Repeat("x", 100) + ".png"},
	} {
		n++
		r := b.receive(ann, c.filename, picture(n))
		asset, _, err := b.CreateInTree(t.Context(), ann, r, origin.TreeFields{Path: c.path})
		want := c.want
		if want == "" {
			want = strings.TrimPrefix(c.path+"/", "/") + asset.Name.Name + ".jpg"
		}
		if c.filename == "日本.png" {
			want = "t/png.jpg" // what is left of the name
		}
		if err != nil || len(asset.Paths) != 1 || asset.Paths[0].Name != want {
			t.Errorf("%q in %q: %v, %v, want %s", c.filename, c.path, asset.Paths, err, want)
		}
		if _, err := b.DeleteFromTree(t.Context(), ann, asset.Name.Name); err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range []string{"..", "a/../b", ".", "日本", strings.Repeat("a/", 150)} {
		_, _, err := b.plant(ann, "img:bad", origin.TreeFields{Path: bad})
		wantKind(t, err, origin.Invalid)
	}
	_, _, err := b.plant(ann, "img:bad", origin.TreeFields{Visibility: "hidden"})
	wantKind(t, err, origin.Invalid)
}

func TestListTree(t *testing.T) {
	b := newBench(t)
	ann := b.user("ann")
	for i, path := range []string{"a.jpg", "x/b.jpg", "x/y/c.jpg", "xy/d.jpg", "x/y/e.jpg"} {
		b.clock.pass(time.Second)
		b.planted(ann, picture(i), path)
	}
	b.planted(ann, picture(0), "x/again.jpg") // a second path of a.jpg
	b.planted(b.user("bob"), picture(1), "x/b.jpg")
	list := func(ask origin.ListTree) (names []string, page origin.TreePage) {
		t.Helper()
		page, err := b.ListTree(t.Context(), ann, ask)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range page.Assets {
			names = append(names, a.Paths[0].Name)
		}
		return names, page
	}
	names, page := list(origin.ListTree{})
	wantEqual(t, names, []string{"x/y/e.jpg", "xy/d.jpg", "x/y/c.jpg", "x/b.jpg", "a.jpg"})
	wantEqual(t, page.Folders, []origin.Folder{{Name: "x", Count: 4}, {Name: "xy", Count: 1}})
	names, page = list(origin.ListTree{Folder: "/x/", Limit: 2, Offset: 1})
	wantEqual(t, names, []string{"x/y/c.jpg", "x/b.jpg"})
	wantEqual(t, page.Total, 4)
	wantEqual(t, page.Folders, []origin.Folder{{Name: "y", Count: 2}})
	names, _ = list(origin.ListTree{Text: "Y/C"})
	wantEqual(t, names, []string{"x/y/c.jpg"})
	names, page = list(origin.ListTree{Folder: "x/y/c.jpg"})
	if len(names) != 0 || len(page.Folders) != 0 {
		t.Errorf("a file is no folder: %v", names)
	}
	for _, bad := range []origin.ListTree{{Limit: 101}, {Limit: -1}, {Offset: -1}, {Folder: ".."}} {
		_, err := b.ListTree(t.Context(), ann, bad)
		wantKind(t, err, origin.Invalid)
	}
}

// A deleted account takes its tree with it: the username may come to belong to somebody else.
func TestTreeGoesWithItsAccount(t *testing.T) {
	b := newBench(t)
	ann := b.user("ann")
	b.planted(ann, "img:1", "a.jpg")
	shared := b.asset(ann, "img:2", origin.AssetFields{PublicID: "shared"})
	_, err := b.UpdateAccount(t.Context(), b.admin, ann.Account.ID, origin.AccountPatch{Username: ptr("anna")})
	wantKind(t, err, origin.Invalid) // the name stands in URLs
	if err := b.DeleteAccount(t.Context(), b.admin, ann.Account.ID); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, b.meaning("u/ann", "a.jpg"), "")
	wantEqual(t, b.meaning("cloud", "shared"), shared.ID)
	b.user("ann")
	wantEqual(t, b.meaning("s/ann", "a"), "")
}

func TestPlans(t *testing.T) {
	b := newBench(t)
	b.user("ann")
	if _, err := b.CreateAccount(t.Context(), b.admin, origin.NewAccount{Email: "x@example.org", Password: password, Plan: "gold"}); err == nil {
		t.Error("there is no such plan")
	}
	ann := b.signIn("ann@example.org")
	wantEqual(t, ann.Account.Plan, origin.PlanPro)
	hidden, _, err := b.plant(ann, "img:1", origin.TreeFields{Path: "a.jpg", Visibility: wire.Private})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.UpdateAccount(t.Context(), b.admin, ann.Account.ID, origin.AccountPatch{Plan: ptr(origin.PlanFree)}); err != nil {
		t.Fatal(err)
	}
	ann = b.signIn("ann@example.org")
	_, _, err = b.plant(ann, "img:2", origin.TreeFields{Visibility: wire.Private})
	wantKind(t, err, origin.Forbidden)
	_, _, err = b.upload(ann, "img:3", origin.AssetFields{Visibility: wire.Private})
	wantKind(t, err, origin.Forbidden)
	open := b.planted(ann, "img:4", "open.jpg")
	_, err = b.ShowInTree(t.Context(), ann, open.Name.Name, wire.Private)
	wantKind(t, err, origin.Forbidden)
	// What is private stays so, and can still be given another path.
	again := b.planted(ann, "img:1", "b.jpg")
	if again.ID != hidden.ID || again.Visibility != wire.Private {
		t.Errorf("%+v", again)
	}
}

// The date of what an account's pictures follow from is that of the last change, of whatever it was.
func TestProfileIsDated(t *testing.T) {
	b := newBench(t)
	ann := b.user("ann")
	expect := func(what string) {
		t.Helper()
		m, _, err := b.Manifest(t.Context(), wire.ProfileName(ann.Account.ID))
		if err != nil || m.UpdatedAt != b.clock.Now().Unix() {
			t.Errorf("%s: %d, want %d, %v", what, m.UpdatedAt, b.clock.Now().Unix(), err)
		}
	}
	b.clock.pass(time.Hour)
	preset, err := b.CreatePreset(t.Context(), ann, origin.Preset{Name: "hero", Transform: "w_100"})
	expect("a new preset")
	if err != nil {
		t.Fatal(err)
	}
	b.clock.pass(time.Hour)
	if _, err = b.UpdatePreset(t.Context(), ann, preset.ID, origin.PresetPatch{Transform: ptr("w_200")}); err != nil {
		t.Fatal(err)
	}
	expect("another transform")
	b.clock.pass(time.Hour)
	if _, err = b.UpdateSettings(t.Context(), ann, origin.SettingsPatch{Quality: ptr(50)}); err != nil {
		t.Fatal(err)
	}
	expect("another quality")
}

func TestProfileTravels(t *testing.T) {
	b := newBench(t)
	ann := b.user("ann")
	read := func() *wire.Profile {
		t.Helper()
		m, _, err := b.Manifest(t.Context(), wire.ProfileName(ann.Account.ID))
		if err != nil || m.Account != ann.Account.ID || m.Profile == nil {
			t.Fatalf("%+v, %v", m, err)
		}
		return m.Profile
	}
	_, before := b.changesAfter(0)
	wantChange := func() {
		t.Helper()
		names, last := b.changesAfter(before)
		wantEqual(t, names, []string{ann.Account.ID})
		before = last
	}
	wantEqual(t, read(), &wire.Profile{Formats: []string{"avif", "webp", "jpg"}, Quality: 80, Crop: "fill", Presets: map[string]string{}})
	preset, err := b.CreatePreset(t.Context(), ann, origin.Preset{Name: "hero", Transform: "w_100"})
	if err != nil {
		t.Fatal(err)
	}
	wantChange()
	wantEqual(t, read().Presets, map[string]string{"hero": "w_100"})
	if _, err := b.UpdatePreset(t.Context(), ann, preset.ID, origin.PresetPatch{Transform: ptr("w_200"), Name: ptr("big")}); err != nil {
		t.Fatal(err)
	}
	wantChange()
	wantEqual(t, read().Presets, map[string]string{"big": "w_200"})
	if _, err := b.UpdateSettings(t.Context(), ann, origin.SettingsPatch{Quality: ptr(50), MaxWidth: ptr(900)}); err != nil {
		t.Fatal(err)
	}
	wantChange()
	wantEqual(t, []int{read().Quality, read().MaxWidth}, []int{50, 900})
	if err := b.DeletePreset(t.Context(), ann, "big"); err != nil {
		t.Fatal(err)
	}
	wantChange()
	wantKind(t, b.DeletePreset(t.Context(), ann, "big"), origin.NotFound)
	for _, bad := range []origin.Preset{{}, {Name: strings.Repeat("x", 51)}, {Name: "a\nb"}, {Name: "x", Transform: "zz_1"},
		{Name: "x", Transform: "t_y"}, {Name: "x", Transform: "w_1,w_2"}, {Name: "x", Description: strings.Repeat("x", 201)}} {
		_, err := b.CreatePreset(t.Context(), ann, bad)
		wantKind(t, err, origin.Invalid)
	}
	if names, _ := b.changesAfter(before); len(names) != 0 {
		t.Errorf("refused changes change %v", names)
	}
	_, err = b.UpdatePreset(t.Context(), b.admin, preset.ID, origin.PresetPatch{Name: ptr("mine")})
	wantKind(t, err, origin.NotFound)
	_, _, err = b.Manifest(t.Context(), wire.ProfileName("nobody"))
	wantKind(t, err, origin.NotFound)
}

// touches notes what edges are asked for.
type touches struct{ urls []string }

func (t *touches) Touch(_, url string) { t.urls = append(t.urls, url) }

// A picture without a colour is asked for when somebody looks at it, until an edge has told its colour.
func TestColour(t *testing.T) {
	asked := &touches{}
	b := newBench(t, func(cfg *origin.Config) { cfg.Touch = asked })
	ann, bob := b.user("ann"), b.user("bob")
	hers, his := b.planted(ann, "img:same", "a.jpg"), b.planted(bob, "img:same", "b.jpg")
	if _, err := b.ShowInTree(t.Context(), bob, his.Name.Name, wire.Private); err != nil {
		t.Fatal(err)
	}
	colour := func(who origin.Principal) string {
		t.Helper()
		asset, err := b.FindInTree(t.Context(), who, hers.Name.Name)
		if err != nil {
			t.Fatal(err)
		}
		return asset.Colour
	}
	wantEqual(t, colour(ann), "")
	wantEqual(t, asked.urls, []string{"https://img.example.org/i/ann/a.jpg"})
	err := b.RecordUsage(t.Context(), wire.UsageBatch{ID: "b1", Colours: []wire.Colour{{Asset: hers.ID, Digest: hers.Digest, Colour: "#a0b1c2"}}})
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, colour(ann), "#a0b1c2")
	wantEqual(t, len(asked.urls), 1)
	m, _, err := b.Manifest(t.Context(), hers.Paths[0])
	if err != nil || m.Inspect {
		t.Errorf("edges are still asked: %v, %v", m.Inspect, err)
	}
	wantEqual(t, colour(bob), "") // that ann has the same bytes does not show
	if len(asked.urls) != 2 || !strings.HasPrefix(asked.urls[1], "https://img.example.org/i/bob/b.jpg?") || !strings.Contains(asked.urls[1], "sig=") {
		t.Errorf("asked for %v", asked.urls)
	}
}
