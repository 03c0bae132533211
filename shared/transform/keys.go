package transform

import (
	"slices"
	"strconv"
	"strings"
)

// Key is one row of the grammar, as the documentation shows it.
type Key struct {
	Name    string
	Meaning string
	Values  string // the range
	Example string

	set func(*draft, string) string // takes the value; gives what is wrong, or ""
	get func(*Spec) string          // the value's canonical spelling, "" where it is the default; nil: never written
}

// keys is the grammar: the first ten rows are those of file 003, «Transform grammar».
var keys = [...]Key{
	{"w", "Width", "1 – 4000 px", "w_400",
		(*draft).setWidth, func(s *Spec) string { return plain(s.Width) }},
	{"h", "Height", "1 – 4000 px", "h_300",
		(*draft).setHeight, func(s *Spec) string { return plain(s.Height) }},
	{"c", "Crop mode", "fit · fill · cover · contain · inside · outside · thumb · scale · crop", "c_fill",
		(*draft).setCrop, (*Spec).cropText},
	{"q", "Quality. `auto` chooses it for each picture, by how much of it would be lost; `auto` alone is `auto:good`",
		"1 – 100 · auto · auto:best · auto:good · auto:eco · auto:low", "q_80",
		(*draft).setQuality, (*Spec).qualityText},
	{"f", "Format", "auto · jpg · png · webp · avif · gif · json · blurhash · thumbhash", "f_webp",
		(*draft).setFormat, (*Spec).formatText},
	{"dpr", "DPR multiplier", "1 – 3", "dpr_2",
		(*draft).setDPR, nil},
	{"gr", "Grayscale", "1", "gr_1",
		(*draft).setGray, func(s *Spec) string { return one(s.Gray) }},
	{"bl", "Blur sigma", "0.3 – 25", "bl_4",
		(*draft).setBlur, func(s *Spec) string { return plainDecimal(s.Sigma, 3) }},
	{"r", "Rotate degrees", "-360 – 360", "r_90",
		(*draft).setRotate, func(s *Spec) string { return plainDecimal(s.Angle, 2) }},
	{"bg", "Hex background (for c_contain)", "6-digit hex", "bg_ffffff",
		(*draft).setBackground, func(s *Spec) string { return s.Background.text() }},
	{"g", "Gravity: which part a crop keeps. `auto` looks for what draws attention, `entropy` for the most detail; " +
		"`xy_X_Y` is a focal point in parts of the width and the height",
		"center · north · northeast · east · southeast · south · southwest · west · northwest · auto · entropy · xy_0–1_0–1",
		"g_north",
		(*draft).setGravity, func(s *Spec) string { return s.Gravity.text() }},
	{"ar", "Aspect ratio. With one of `w` and `h` it gives the other; with neither the picture is cropped to the ratio " +
		"(padded with `c_contain`)", "W:H, whole numbers 1 – 9999", "ar_16:9",
		(*draft).setRatio, func(s *Spec) string { return s.Ratio.text() }},
	{"x", "Left edge of `c_crop`", "0 – 65535 px of the upright source", "x_10",
		(*draft).setX, func(s *Spec) string { return s.Corner.text(s.Corner.X) }},
	{"y", "Top edge of `c_crop`", "0 – 65535 px of the upright source", "y_20",
		(*draft).setY, func(s *Spec) string { return s.Corner.text(s.Corner.Y) }},
	{"fl", "Flip: left to right, upside down, or both; before `r`", "h · v · hv", "fl_h",
		(*draft).setFlip, (*Spec).flipText},
	{"sh", "Sharpen: the sigma of what is made clearer", "0 – 10", "sh_1",
		(*draft).setSharpen, func(s *Spec) string { return plainDecimal(s.Sharpen, 2) }},
	{"br", "Brightness, as CSS has it: -100 is black, 100 twice as bright", "-100 – 100", "br_20",
		(*draft).setBrightness, func(s *Spec) string { return plain(s.Brightness) }},
	{"co", "Contrast, as CSS has it: -100 is plain grey, 100 twice the contrast", "-100 – 100", "co_15",
		(*draft).setContrast, func(s *Spec) string { return plain(s.Contrast) }},
	{"sa", "Saturation, as CSS has it: -100 is without colour, 100 twice as colourful", "-100 – 100", "sa_-40",
		(*draft).setSaturation, func(s *Spec) string { return plain(s.Saturation) }},
	{"px", "Pixelate into blocks of that size", "1 – 1000 px", "px_12",
		(*draft).setPixelate, func(s *Spec) string { return plain(s.Pixelate) }},
	{"tr", "Trim borders, before anything else: percent by which a border may differ from the colour in its corner",
		"1 – 99", "tr_10",
		(*draft).setTrim, func(s *Spec) string { return plain(s.Trim) }},
	{"rd", "Rounded corners of that radius; `max` makes a circle or a stadium. Beyond them is `bg`, else transparency, " +
		"else white", "1 – 4000 px · max", "rd_max",
		(*draft).setRadius, (*Spec).radiusText},
	{"pad", "Padding around the result, in `bg`, else transparency, else white", "1 – 1000 px", "pad_20",
		(*draft).setPad, func(s *Spec) string { return plain(s.Pad) }},
	{"pg", "The one frame of an animation to show, counted from 1", "1 – 10000", "pg_3",
		(*draft).setPage, func(s *Spec) string { return plain(s.Page) }},
	{"an", "Animation: off shows the first frame, or that of `pg`", "0", "an_0",
		(*draft).setAnimation, nil},
	{"ov", "Overlay: the public id of another picture, with `:` for `/`, drawn on the padded result in its own size, or " +
		"as much smaller as it takes to fit", "a public id", "ov_brand:logo",
		(*draft).setOverlay, func(s *Spec) string { return s.Overlay }},
	{"og", "Where the overlay lies",
		"center · north · northeast · east · southeast · south · southwest · west · northwest", "og_southeast",
		(*draft).setOverlayGravity, func(s *Spec) string { return s.OverlayGravity.text() }},
	{"ox", "Distance of the overlay from the edge that `og` names, or to the right of the centre", "0 – 4000 px", "ox_10",
		(*draft).setOverlayX, func(s *Spec) string { return plain(s.OverlayAt.X) }},
	{"oy", "The same from top or bottom, or down from the centre", "0 – 4000 px", "oy_10",
		(*draft).setOverlayY, func(s *Spec) string { return plain(s.OverlayAt.Y) }},
	{"oo", "Opacity of the overlay", "1 – 100 percent", "oo_60",
		(*draft).setOpacity, func(s *Spec) string { return plain(s.Opacity) }},
	{"lin", "Reduce in linear light: fine bright detail keeps its brightness, for several times the work", "1", "lin_1",
		(*draft).setLinear, func(s *Spec) string { return one(s.Linear) }},
}

// planned are keys that later versions will know. Ids that begin like them are refused today, so that no delivery URL
// changes its meaning then.
var planned = [...]string{"t"}

// Keys lists the grammar in the order of its documentation.
func Keys() []Key { return slices.Clone(keys[:]) }

// alphabetical are the indexes of keys in the order of the canonical text.
var alphabetical = func() (order [len(keys)]int) {
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order[:], func(a, b int) int { return strings.Compare(keys[a].Name, keys[b].Name) })
	return order
}()

// find gives the index of the key, or -1.
func find(name string) int {
	for i := range keys {
		if keys[i].Name == name {
			return i
		}
	}
	return -1
}

// KeyOf gives the key at the head of one comma part, if the grammar knows it.
func KeyOf(part string) (name string, known bool) {
	name, _, ok := strings.Cut(part, "_")
	return name, ok && find(name) >= 0
}

// Reserved reports whether a path segment would be read as a transform by this or a coming version.
func Reserved(segment string) bool {
	name, _, ok := strings.Cut(segment, "_")
	return ok && (find(name) >= 0 || slices.Contains(planned[:], name))
}

// String is the canonical text of the Spec: keys in alphabetical order, defaults left out, dpr multiplied in. Parse
// reads it back to an equal Spec. The zero Spec is the empty string, which Parse does not take.
func (s Spec) String() string {
	var b strings.Builder
	for _, i := range alphabetical {
		k := &keys[i]
		if k.get == nil {
			continue
		}
		value := k.get(&s)
		if value == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(k.Name)
		b.WriteByte('_')
		b.WriteString(value)
	}
	return b.String()
}

// plain writes a whole number whose default is 0.
func plain(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// plainDecimal writes units of the given decimal place; the default is 0.
func plainDecimal(n, places int) string {
	if n == 0 {
		return ""
	}
	return decimal(n, places)
}

func one(set bool) string {
	if set {
		return "1"
	}
	return ""
}
