package delivery

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

// presetKey names a preset of the account inside a transform: t_<name>. Other keys of the transform override the
// preset's.
const presetKey = "t"

// parts are the key_value pairs of a transform before they become a Spec. A pair with an empty value takes a preset's
// away.
type parts []part

type part struct{ key, value string }

// splitParts takes a transform text apart, without a look at the values.
func splitParts(text string) (ps parts, err error) {
	for rest, more := text, text != ""; more; {
		var one string
		one, rest, more = strings.Cut(rest, ",")
		key, value, _ := strings.Cut(one, "_")
		if ps.has(key) {
			return nil, &transform.Error{Key: key, Message: "given twice"}
		}
		ps = append(ps, part{key, value})
	}
	return ps, nil
}

func (ps parts) get(key string) string {
	for _, p := range ps {
		if p.key == key {
			return p.value
		}
	}
	return ""
}

// has reports whether the key was given, be it to take it away.
func (ps parts) has(key string) bool {
	return slices.ContainsFunc(ps, func(p part) bool { return p.key == key })
}

// set gives the parts with one more value, or another one.
func (ps parts) set(key, value string) parts {
	return append(ps.without(key), part{key, value})
}

func (ps parts) without(keys ...string) parts {
	return slices.DeleteFunc(slices.Clone(ps), func(p part) bool { return slices.Contains(keys, p.key) })
}

// over lays the parts over those of a preset.
func (ps parts) over(preset parts) parts {
	for _, p := range ps {
		preset = preset.set(p.key, p.value)
	}
	return preset
}

// String is the transform's text; empty when nothing is wanted.
func (ps parts) String() string {
	var b strings.Builder
	for _, p := range ps {
		if p.value == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(p.key)
		b.WriteByte('_')
		b.WriteString(p.value)
	}
	return b.String()
}

// preset finds a preset by name in a profile, which may be nil.
func preset(profile *wire.Profile, name string) (parts, error) {
	if name == "" {
		return nil, nil
	}
	if profile != nil {
		if text, ok := profile.Presets[name]; ok {
			return splitParts(text)
		}
	}
	return nil, invalid("there is no preset of this name")
}

// maxPresetChars bounds a preset's name.
const maxPresetChars = 50

// CheckPreset says what is wrong with the name of a preset. Only names that can stand in a path as they are can be used
// as t_<name>.
func CheckPreset(name string) error {
	if name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxPresetChars ||
		strings.ContainsFunc(name, unicode.IsControl) {
		return invalid("a preset's name must have 1 to 50 characters, none of them a control character")
	}
	return nil
}

// CheckPresetText says what is wrong with the transform of a preset, as far as one can tell without a picture: it may
// be empty, and sizes may be larger than those of a Spec.
func CheckPresetText(text string) error {
	ps, err := splitParts(text)
	if err != nil {
		return err
	}
	for _, p := range ps {
		if _, known := transform.KeyOf(p.key + "_" + p.value); !known {
			return &transform.Error{Key: p.key, Message: "unknown key"}
		}
	}
	return nil
}

func (ps parts) sorted() parts {
	return slices.SortedFunc(slices.Values(ps), func(a, b part) int { return strings.Compare(a.key, b.key) })
}
