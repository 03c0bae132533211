package delivery

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

// srcWish is what a delivery URL of the img-src dialect says about the picture.
type srcWish struct {
	preset string
	parts  parts
	format transform.Format // of the path's extension; FormatSource when it has none
	unable bool             // the extension is that of a format that is only read
}

// needsProfile: the profile has the defaults.
func (srcWish) needsProfile() bool { return true }

func (w srcWish) chosen() bool { return len(w.parts) == 0 }

// What an account without a profile of its own gets.
const (
	defaultQuality = 80
	defaultCrop    = "fill"
)

// settle compiles the wish into the Spec that the same wish in a path would have, so that both share what is cached.
func (w srcWish) settle(stem bool, profile *wire.Profile, src transform.Source, accept transform.Accept) (transform.Spec,
	error) {
	if profile == nil {
		profile = &wire.Profile{}
	}
	if stem && w.unable {
		return transform.Spec{}, invalid("pictures of this format cannot be written: ask for webp, avif, jpeg or png")
	}
	base, err := preset(profile, w.preset)
	if err != nil {
		return transform.Spec{}, err
	}
	ps := w.parts.over(base)
	format := w.wanted(stem, profile, src, accept)
	ps = fitted(ps, profile, src)
	if ps.String() == "" && (format == src.Format || !stem) {
		return transform.Spec{}, nil
	}
	ps = ps.set("f", format.String())
	if ps.get("q") == "" {
		ps = ps.set("q", strconv.Itoa(cmp.Or(profile.Quality, defaultQuality)))
	}
	spec, layout, err := compile(ps, src)
	if err != nil || format != transform.AVIF {
		return spec, err
	}
	return boundAVIF(ps, spec, layout, src)
}

func compile(ps parts, src transform.Source) (transform.Spec, transform.Layout, error) {
	wish, err := transform.Parse(ps.String())
	if err != nil {
		return transform.Spec{}, transform.Layout{}, err
	}
	spec := wish.Settle(src, transform.Accept{})
	layout, err := spec.Layout(src)
	return spec, layout, err
}

// wanted is the format: the extension's, or as uploaded where the very path exists, or the best of the account's that
// the client reads.
func (w srcWish) wanted(stem bool, profile *wire.Profile, src transform.Source, accept transform.Accept) transform.Format {
	switch {
	case !stem:
		return src.Shown()
	case w.format.Written():
		return w.format
	}
	for _, name := range profile.Formats {
		format, ok := transform.ParseFormat(name)
		if ok && suits(format, src, accept) {
			return format
		}
	}
	return transform.Spec{Format: transform.FormatAuto}.Settle(src, accept).Format
}

// suits: the client reads the format, and the format can hold what the picture is.
func suits(f transform.Format, src transform.Source, accept transform.Accept) bool {
	switch {
	case f == transform.AVIF && !accept.AVIF, f == transform.WebP && !accept.WebP:
		return false
	case src.Frames > 1 && !f.Animates(), src.Alpha && !f.HasAlpha():
		return false
	}
	return f.Written()
}

// fitted works out the box in pixels, dpr multiplied in, aspect and fit settled, and scaled down into the limits: this
// dialect answers with less rather than not at all. Without a wish for a size, the account's bounds count.
func fitted(ps parts, profile *wire.Profile, src transform.Source) parts {
	width, height := box(ps, src)
	crop := cmp.Or(ps.get("c"), profile.Crop, defaultCrop)
	ps = ps.without("w", "h", "c", "dpr", "ar")
	if width == 0 && height == 0 {
		if width, height = bounds(profile, turned(ps, src)); width == 0 {
			return ps.without("g")
		}
		crop = "fit"
	}
	if width == 0 || height == 0 { // then the other side follows from the picture, and nothing is cut off or distorted
		if crop != "fit" {
			crop = "inside"
		}
	}
	if crop != "fill" {
		ps = ps.without("g")
	}
	width, height = within(width, height, transform.MaxPixels)
	if width > 0 {
		ps = ps.set("w", strconv.Itoa(width))
	}
	if height > 0 {
		ps = ps.set("h", strconv.Itoa(height))
	}
	return ps.set("c", crop)
}

// box is the wanted size; 0 for a side that is not asked for. An aspect completes it.
func box(ps parts, src transform.Source) (width, height int) {
	dpr, err := strconv.ParseFloat(cmp.Or(ps.get("dpr"), "1"), 64)
	if err != nil {
		dpr = 1 // a preset of another dialect spells it wrong; compile will not see it
	}
	side := func(key string) int {
		n, _ := strconv.Atoi(ps.get(key)) // not a number: none
		return int(math.Round(float64(n) * dpr))
	}
	width, height = side("w"), side("h")
	ratio, ok := aspect(ps.get("ar"))
	if !ok || width > 0 && height > 0 {
		return width, height
	}
	switch {
	case width > 0:
		height = pixels(float64(width) / ratio)
	case height > 0:
		width = pixels(float64(height) * ratio)
	default: // as much of the picture as has this shape
		from := turned(ps, src)
		width = min(from.Width, pixels(float64(from.Height)*ratio))
		height = min(from.Height, pixels(float64(from.Width)/ratio))
	}
	return width, height
}

func aspect(text string) (ratio float64, ok bool) {
	w, h, ok := strings.Cut(text, ":")
	width, werr := strconv.ParseFloat(w, 64)
	height, herr := strconv.ParseFloat(h, 64)
	return width / height, ok && werr == nil && herr == nil && width > 0 && height > 0
}

// turned is the picture's size after its quarter turns.
func turned(ps parts, src transform.Source) transform.Size {
	w, h := src.Upright()
	if r := ps.get("r"); r == "90" || r == "270" {
		w, h = h, w
	}
	return transform.Size{Width: w, Height: h}
}

// bounds is the account's largest size, when the picture is larger.
func bounds(profile *wire.Profile, from transform.Size) (width, height int) {
	maxWidth, maxHeight := cmp.Or(profile.MaxWidth, from.Width), cmp.Or(profile.MaxHeight, from.Height)
	if from.Width <= maxWidth && from.Height <= maxHeight {
		return 0, 0
	}
	return maxWidth, maxHeight
}

// within scales a box down to a number of pixels and the longest side; a side of 0 stays so.
func within(width, height, most int) (int, int) {
	scale := 1.0
	if longest := max(width, height); longest > transform.MaxSide {
		scale = float64(transform.MaxSide) / float64(longest)
	}
	if area := float64(width) * float64(height); area*scale*scale > float64(most) {
		scale = math.Sqrt(float64(most) / area)
	}
	if scale == 1 {
		return width, height
	}
	shrink := func(side int) int {
		if side == 0 {
			return 0
		}
		return max(1, int(float64(side)*scale)) // rounded down, or the two might exceed the area
	}
	return shrink(width), shrink(height)
}

// maxAVIFPixels is the dialect's bound: AVIF costs many times what other formats do.
const maxAVIFPixels = 8_000_000

func boundAVIF(ps parts, spec transform.Spec, layout transform.Layout, src transform.Source) (transform.Spec, error) {
	width, height := within(layout.Out.Width, layout.Out.Height, maxAVIFPixels)
	if width == layout.Out.Width && height == layout.Out.Height {
		return spec, nil
	}
	ps = ps.set("w", strconv.Itoa(width)).set("h", strconv.Itoa(height))
	if ps.get("c") == "" {
		ps = ps.set("c", "fit")
	}
	spec, _, err := compile(ps, src)
	return spec, err
}

func pixels(side float64) int { return max(1, int(math.Round(side))) }

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
