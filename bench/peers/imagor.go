package peers

import "context"

// StartImagor starts imagor, built against the same libvips. SIMD is switched on in a second build, because imagor
// starts libvips without it.
func StartImagor(ctx context.Context, at Place, sources, build string) (*Renderer, error) {
	path, err := at.tool("bin/" + build)
	if err != nil {
		return nil, err
	}
	s, err := run(ctx, at, build, path, []string{"MALLOC_ARENA_MAX=2"}, func(address string, _ int) []string {
		return []string{"-bind", address, "-imagor-unsafe", "-http-loader-disable",
			"-file-loader-base-dir", sources, "-vips-concurrency", "1", "-vips-strip-metadata", "-vips-avif-speed", "8"}
	})
	if err != nil {
		return nil, err
	}
	return overHTTP(s, "AVIF effort 1, because its binding takes 0 for not set; WebP effort 4, which cannot be set", thumborTarget), nil
}
