package origin_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/wire"
)

// An upload of 1 MiB, from the body to the acknowledged asset; most of it is waiting for the disk.
func BenchmarkUpload(b *testing.B) {
	bench := newBench(b)
	rest := strings.Repeat("x", 1<<20)
	b.SetBytes(1 << 20)
	for n := 0; b.Loop(); n++ {
		bench.asset(bench.admin, fmt.Sprintf("img:%d%s", n, rest), origin.AssetFields{})
	}
}

func BenchmarkManifest(b *testing.B) {
	bench := newBench(b)
	asset := bench.asset(bench.admin, "img:x", origin.AssetFields{})
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, _, err := bench.Manifest(context.Background(), asset.Name); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkByAPIKey(b *testing.B) {
	bench := newBench(b)
	key, secret := bench.mint(bench.admin)
	for b.Loop() {
		bench.must(bench.ByAPIKey(b.Context(), key.ID, secret))
	}
}

// A page of 50 out of 20 000 assets of one account.
func BenchmarkListAssets(b *testing.B) {
	bench := newBench(b)
	bench.asset(bench.admin, "img:x", origin.AssetFields{PublicID: "first"})
	first, err := bench.FindAsset(b.Context(), bench.admin, "first")
	if err != nil {
		b.Fatal(err)
	}
	err = bench.cfg.Store.Update(b.Context(), func(tx origin.Tx) error {
		for n := range 20_000 {
			asset := first
			asset.ID, asset.Name = fmt.Sprintf("asset-%d", n), wire.Name{Namespace: wire.NamespaceCloud, Name: fmt.Sprintf("a-%d", n)}
			asset.CreatedAt, asset.Tags = asset.CreatedAt.Add(1), []string{"all", fmt.Sprintf("tag-%d", n%100)}
			if err := tx.CreateAsset(asset); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for name, ask := range map[string]origin.ListAssets{"own": {}, "everybody's": {All: true}, "tag": {Tag: "all"},
		"rare tag": {Tag: "tag-7"}, "text": {Text: "a-1999"}, "text that nothing has": {Text: "zzz"}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				bench.list(bench.admin, ask)
			}
		})
	}
}
