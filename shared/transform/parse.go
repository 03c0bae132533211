package transform

import (
	"fmt"
	"strconv"
	"strings"
)

// Error says which key of a transform is wrong, and how.
type Error struct {
	Key     string // as written; empty when the text as a whole is wrong
	Message string
}

func (e *Error) Error() string {
	if e.Key == "" {
		return "invalid transform: " + e.Message
	}
	return "invalid transform: " + e.Key + ": " + e.Message
}

// A key of the grammar: file 003, «Transform grammar».
type key struct {
	name    string
	meaning string
	values  string // the range, as the documentation words it
	example string
	set     func(*draft, string) string // takes the value; gives what is wrong, or ""
}

var keys = [...]key{
	{"w", "Width", "1 – 4000 px", "w_400", (*draft).setWidth},
	{"h", "Height", "1 – 4000 px", "h_300", (*draft).setHeight},
	{"c", "Crop mode", "fit · fill · cover · contain · inside · outside · thumb", "c_fill", (*draft).setCrop},
	{"q", "Quality", "1 – 100", "q_80", (*draft).setQuality},
	{"f", "Format", "auto · jpg · png · webp · avif · gif", "f_webp", (*draft).setFormat},
	{"dpr", "DPR multiplier", "1 – 3", "dpr_2", (*draft).setDPR},
	{"gr", "Grayscale", "1", "gr_1", (*draft).setGray},
	{"bl", "Blur sigma", "0.3 – 25", "bl_4", (*draft).setBlur},
	{"r", "Rotate degrees", "-360 – 360", "r_90", (*draft).setRotate},
	{"bg", "Hex background (for c_contain)", "6-digit hex", "bg_ffffff", (*draft).setBackground},
}

// draft is a Spec while it is read.
type draft struct {
	Spec
	dpr int // hundredths
}

// Parse reads the comma-separated key_value pairs of a transform. Order means nothing; a repeated or unknown key, a
// value out of range or in an odd spelling is an *Error.
func Parse(text string) (Spec, error) {
	d := draft{dpr: 100}
	var seen [len(keys)]bool
	for rest, more := text, true; more; {
		var part string
		part, rest, more = strings.Cut(rest, ",")
		name, value, ok := strings.Cut(part, "_")
		if !ok {
			return Spec{}, &Error{Message: fmt.Sprintf("%q is not a key_value pair", part)}
		}
		i := find(name)
		if i < 0 {
			return Spec{}, &Error{Key: name, Message: "unknown key"}
		}
		if seen[i] {
			return Spec{}, &Error{Key: name, Message: "given twice"}
		}
		seen[i] = true
		if wrong := keys[i].set(&d, value); wrong != "" {
			return Spec{}, &Error{Key: name, Message: wrong}
		}
	}
	return d.finish()
}

// finish settles what depends on several keys.
func (d *draft) finish() (Spec, error) {
	s := d.Spec
	s.Width, s.Height = d.scale(s.Width), d.scale(s.Height)
	if s.Width > MaxSide || s.Height > MaxSide {
		return Spec{}, &Error{Key: "dpr", Message: fmt.Sprintf("times the size exceeds %d px a side", MaxSide)}
	}
	if s.Width*s.Height > MaxPixels {
		return Spec{}, &Error{Message: fmt.Sprintf("output exceeds %d megapixels", MaxPixels/1_000_000)}
	}
	switch {
	case s.Width == 0 && s.Height == 0:
		s.Crop = CropNone
	case s.Crop == CropNone:
		s.Crop = CropFit
	}
	return s, nil
}

func (d *draft) scale(side int) int { return (side*d.dpr + 50) / 100 }

func find(name string) int {
	for i := range keys {
		if keys[i].name == name {
			return i
		}
	}
	return -1
}

// planned are keys that later versions will know. Ids that begin like them are refused today, so that no delivery URL
// changes its meaning then.
var planned = [...]string{"g", "ar", "x", "y", "fl", "sh", "br", "co", "sa", "px", "tr", "rd", "pad", "ov", "og", "ox",
	"oy", "oo", "pg", "an", "t"}

// KeyOf gives the key at the head of one comma part, if the grammar knows it.
func KeyOf(part string) (name string, known bool) {
	name, _, ok := strings.Cut(part, "_")
	return name, ok && find(name) >= 0
}

// Reserved reports whether a path segment would be read as a transform by this or a coming version.
func Reserved(segment string) bool {
	name, _, ok := strings.Cut(segment, "_")
	if !ok {
		return false
	}
	if find(name) >= 0 {
		return true
	}
	for _, p := range planned {
		if p == name {
			return true
		}
	}
	return false
}

func (d *draft) setWidth(v string) string  { return setInt(&d.Width, v, 1, MaxSide) }
func (d *draft) setHeight(v string) string { return setInt(&d.Height, v, 1, MaxSide) }
func (d *draft) setQuality(v string) string {
	return setInt(&d.Quality, v, 1, 100)
}

func (d *draft) setCrop(v string) (wrong string) {
	var ok bool
	if d.Crop, ok = parseCrop(v); !ok {
		return "must be one of fit, fill, cover, contain, inside, outside, thumb"
	}
	return ""
}

func (d *draft) setFormat(v string) (wrong string) {
	var ok bool
	if d.Format, ok = ParseFormat(v); !ok {
		return "must be one of auto, jpg, png, webp, avif, gif"
	}
	return ""
}

func (d *draft) setDPR(v string) string { return setDecimal(&d.dpr, v, 2, 100, MaxDPR*100) }

func (d *draft) setGray(v string) (wrong string) {
	if v != "1" {
		return "must be 1"
	}
	d.Gray = true
	return ""
}

func (d *draft) setBlur(v string) string { return setDecimal(&d.Sigma, v, 3, 300, MaxSigma*1000) }

func (d *draft) setRotate(v string) (wrong string) {
	digits, negative := strings.CutPrefix(v, "-")
	if wrong = setDecimal(&d.Angle, digits, 2, 0, 36000); wrong != "" {
		return "must be a number from -360 to 360 with at most 2 decimals"
	}
	if negative && d.Angle == 0 {
		return "must not be spelled -0"
	}
	if negative {
		d.Angle = 36000 - d.Angle
	}
	d.Angle %= 36000
	return ""
}

func (d *draft) setBackground(v string) (wrong string) {
	if len(v) != 6 {
		return "must be six hex digits"
	}
	n, err := strconv.ParseUint(v, 16, 32)
	if err != nil || strings.ContainsAny(v, "+-_") {
		return "must be six hex digits"
	}
	d.Background = Background{R: uint8(n >> 16), G: uint8(n >> 8), B: uint8(n), Set: true}
	return ""
}

// setInt takes a whole number in its one plain spelling: digits, no leading zero.
func setInt(into *int, text string, least, most int) (wrong string) {
	n, ok := plainDigits(text)
	if !ok || n < least || n > most || len(text) > 1 && text[0] == '0' {
		return fmt.Sprintf("must be a whole number from %d to %d", least, most)
	}
	*into = n
	return ""
}

// setDecimal takes a plain decimal number with at most the given places and stores it in units of the last place.
func setDecimal(into *int, text string, places, least, most int) (wrong string) {
	unit := 1
	for range places {
		unit *= 10
	}
	whole, fraction, dotted := strings.Cut(text, ".")
	n, ok := plainDigits(whole)
	ok = ok && (len(whole) == 1 || whole[0] != '0')
	value := n * unit
	if dotted {
		f, fok := plainDigits(fraction)
		ok = ok && fok && len(fraction) <= places
		for i := len(fraction); i < places; i++ {
			f *= 10
		}
		value += f
	}
	if !ok || value < least || value > most {
		return fmt.Sprintf("must be a number from %s to %s with at most %d decimals", decimal(least, places),
			decimal(most, places), places)
	}
	*into = value
	return ""
}

// plainDigits reads 1 to 6 ASCII digits.
func plainDigits(text string) (n int, ok bool) {
	if len(text) == 0 || len(text) > 6 {
		return 0, false
	}
	for i := range len(text) {
		c := text[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// decimal writes value units of the given decimal place in the shortest way.
func decimal(value, places int) string {
	text := strconv.FormatInt(int64(value), 10)
	if places == 0 {
		return text
	}
	for len(text) <= places {
		text = "0" + text
	}
	whole, fraction := text[:len(text)-places], strings.TrimRight(text[len(text)-places:], "0")
	if fraction == "" {
		return whole
	}
	return whole + "." + fraction
}
