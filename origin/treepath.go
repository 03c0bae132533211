package origin

import (
	"path"
	"strings"

	"github.com/pictor/pictor/shared/delivery"
)

// maxFileChars keeps a file's name from filling a path.
const maxFileChars = 100

// treePath works out where an upload goes. Names are made fit for URLs; a file that says nothing of its format gets the
// extension of what it is.
func treePath(wanted string, r *Received) (string, error) {
	segments, err := cleanSegments(wanted)
	if err != nil {
		return "", err
	}
	whole := len(segments) > 0 && !strings.HasSuffix(wanted, "/") && hasExtension(segments[len(segments)-1])
	if !whole {
		file := cleanName(path.Base(strings.ReplaceAll(r.Filename, `\`, "/")))
		if stem, _ := delivery.SplitPath(file); stem == "" || r.Filename == "" {
			file = r.Source.Digest[:treeIDChars]
		}
		if !hasExtension(file) {
			file += "." + r.Source.Format
		}
		segments = append(segments, file)
	}
	full := strings.Join(segments, "/")
	if err := delivery.CheckPath(full); err != nil {
		return "", Errorf(Invalid, "path: %v", err)
	}
	return full, nil
}

// cleanSegments makes a path that a client names fit for URLs. Empty segments mean nothing.
func cleanSegments(path string) (segments []string, err error) {
	for segment := range strings.SplitSeq(strings.ReplaceAll(path, `\`, "/"), "/") {
		if segment = strings.TrimSpace(segment); segment == "" {
			continue
		}
		clean := cleanName(segment)
		if clean == "" {
			return nil, Errorf(Invalid, "path: %q cannot be a folder", segment)
		}
		segments = append(segments, clean)
	}
	return segments, nil
}

// hasExtension reports whether the name ends as a picture that can be delivered does.
func hasExtension(name string) bool {
	_, ext := delivery.SplitPath(name)
	return ext != "" && ext != "jxl"
}

// cleanName makes a name fit for URLs: runs of other characters than letters, digits and . _ ~ become a hyphen, and
// neither that nor a dot stands at the beginning.
func cleanName(name string) string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case r < 0x80 && (r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z' || strings.ContainsRune("._~", r)):
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	clean := strings.TrimLeft(b.String(), ".-")
	stem, ext := delivery.SplitPath(clean)
	suffix := clean[len(stem):]
	if ext == "" {
		suffix = ""
	}
	stem = strings.Trim(stem[:min(len(stem), maxFileChars)], "-")
	return stem + suffix
}
