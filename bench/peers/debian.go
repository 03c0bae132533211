package peers

import (
	"path/filepath"
	"strings"
)

// DebianLibraries is the variable that lets unpacked Debian programs find the libraries unpacked beside them.
func DebianLibraries(tools string) string {
	folders, _ := filepath.Glob(filepath.Join(tools, "debian/usr/lib/*-linux-gnu")) // the pattern is well-formed
	return "LD_LIBRARY_PATH=" + strings.Join(folders, ":")
}
