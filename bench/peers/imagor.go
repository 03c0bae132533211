package peers

import (
	"context"
	"fmt"
)

// StartImagor starts imagor as it is, built against the same libvips.
func StartImagor(ctx context.Context, at Place, sources string) (*Renderer, error) {
	return startImagor(ctx, at, sources, "imagor", 8, nil, Settings{
		JPEG: "standard Huffman tables", WebP: "effort 4", AVIF: "effort 1: its binding takes 0 for not set, which is 4",
		Rest: "no flag sets JPEG and WebP; libvips without SIMD, which imagor leaves off"})
}

// StartTunedImagor starts the build in which SIMD is on, encoders are set like the others', and WebP has this effort.
// See bench/install.sh.
func StartTunedImagor(ctx context.Context, at Place, sources string, webpEffort int) (*Renderer, error) {
	return startImagor(ctx, at, sources, "imagor-tuned", 9, []string{fmt.Sprintf("WEBP_EFFORT=%d", webpEffort)}, Settings{
		JPEG: same, WebP: same, AVIF: same,
		Rest: "a few lines of imagor and of its binding are changed for this: SIMD, efforts, Huffman tables, 8 bits for AVIF"})
}

func startImagor(ctx context.Context, at Place, sources, build string, avifSpeed int, env []string, settings Settings) (*Renderer, error) {
	path, err := at.tool("bin/" + build)
	if err != nil {
		return nil, err
	}
	env = append(env, "MALLOC_ARENA_MAX=2")
	s, err := run(ctx, at, build, path, env, func(address string, _ int) []string {
		return []string{"-bind", address, "-imagor-unsafe", "-http-loader-disable", "-file-loader-base-dir", sources,
			"-vips-concurrency", "1", "-vips-strip-metadata", "-vips-avif-speed", fmt.Sprint(avifSpeed)}
	})
	if err != nil {
		return nil, err
	}
	return overHTTP(s, settings, thumborTarget), nil
}
