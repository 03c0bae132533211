package wire

// NamespaceProfile holds one name for each account, which is the account's id. What it means is no picture: its
// Manifest has only a Profile.
const NamespaceProfile = "profile"

// Profile is how an account wants its pictures delivered where a URL does not say. It has a row of its own in the change
// log, so that changing it costs one row, however many pictures the account has.
type Profile struct {
	Formats   []string          `json:"formats,omitempty"`    // names in URLs, best first, where a URL names none
	Quality   int               `json:"quality,omitempty"`    // 1–100
	Crop      string            `json:"crop,omitempty"`       // how a picture meets a box
	MaxWidth  int               `json:"max_width,omitempty"`  // of pictures without a wanted size; 0 is no bound
	MaxHeight int               `json:"max_height,omitempty"` // the same
	Presets   map[string]string `json:"presets,omitempty"`    // transform texts by name, as t_<name> and ?p:<name> use them
}

// ProfileName is the name of an account's Profile.
func ProfileName(account string) Name { return Name{Namespace: NamespaceProfile, Name: account} }

// A user's pictures are delivered by their path, or by its stem: the path without its extension, which then names the
// wanted format. A stem means the oldest picture under it.
const (
	pathSpace = "u/"
	stemSpace = "s/"
)

// PathSpace is the namespace of a user's paths.
func PathSpace(username string) string { return pathSpace + username }

// StemSpace is the namespace of the stems of a user's paths.
func StemSpace(username string) string { return stemSpace + username }

// Stem reports whether the name is a stem, and gives the namespace of the paths it stands for.
func (n Name) Stem() (paths string, ok bool) {
	if len(n.Namespace) < len(stemSpace) || n.Namespace[:len(stemSpace)] != stemSpace {
		return "", false
	}
	return pathSpace + n.Namespace[len(stemSpace):], true
}
