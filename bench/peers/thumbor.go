package peers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// thumborConfig reads originals from a folder, keeps no results, and encodes as the others do where it can.
const thumborConfig = `LOADER = "thumbor.loaders.file_loader"
FILE_LOADER_ROOT_PATH = %q
STORAGE = "thumbor.storages.no_storage"
RESULT_STORAGE = None
ALLOW_UNSAFE_URL = True
AUTO_WEBP = False
PROGRESSIVE_JPEG = False
AVIF_SPEED = 9
MAX_WIDTH = 0
MAX_HEIGHT = 0
`

// StartThumbor starts thumbor with a process for each core.
func StartThumbor(ctx context.Context, at Place, sources string, processes int) (*Renderer, error) {
	path, err := at.tool("thumbor/bin/thumbor")
	if err != nil {
		return nil, err
	}
	config := filepath.Join(at.Dir, "thumbor.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, thumborConfig, sources), 0o600); err != nil {
		return nil, err
	}
	s, err := run(ctx, at, "thumbor", path, nil, func(_ string, port int) []string {
		return []string{"-i", "127.0.0.1", "-p", fmt.Sprint(port), "-c", config, "--processes", fmt.Sprint(processes)}
	})
	if err != nil {
		return nil, err
	}
	return overHTTP(s, Settings{JPEG: same, WebP: "effort 4, which cannot be set", AVIF: "speed 9 of libavif, which is effort 0",
		Rest: "Pillow in place of libvips, which is another resampling too"}, thumborTarget), nil
}
