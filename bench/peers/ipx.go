package peers

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
)

//go:embed ipx.mjs
var ipxServer []byte

// StartIPX starts ipx with its storage on the sources, and with this effort for WebP.
func StartIPX(ctx context.Context, at Place, sources string, webpEffort int) (*Renderer, error) {
	if _, err := at.tool("ipx/node_modules/ipx/package.json"); err != nil {
		return nil, err
	}
	script := filepath.Join(at.Tools, "ipx", "server.mjs") // modules are looked for from where the script lies
	if err := os.WriteFile(script, ipxServer, 0o600); err != nil {
		return nil, err
	}
	s, err := run(ctx, at, "ipx", "node", []string{"NODE_ENV=production"}, func(_ string, port int) []string {
		return []string{script, fmt.Sprint(port), sources, fmt.Sprint(webpEffort)}
	})
	if err != nil {
		return nil, err
	}
	return overHTTP(s, Settings{JPEG: same, WebP: same, AVIF: "the same, by an older libvips and libaom, which makes it smaller",
		Rest: "efforts and chroma subsampling are set through sharp's defaults; sharp brings its own libvips, see «Versions»"}, func(j Job) string {
		size := fmt.Sprintf("w_%d", j.Width)
		if j.Height > 0 {
			size = fmt.Sprintf("s_%dx%d", j.Width, j.Height)
		}
		return fmt.Sprintf("/%s,f_%s,q_%d/%s.jpg", size, j.Format, j.Quality, j.Source)
	}), nil
}
