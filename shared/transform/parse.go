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

// draft is a Spec while it is read.
type draft struct {
	Spec
	dpr     int // hundredths
	ratio   Ratio
	thumb   bool // c_thumb: fill, with another default for the gravity
	gravity bool // g was given
	still   bool // an_0
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
	d.Width, d.Height = d.scale(d.Width), d.scale(d.Height)
	d.Corner.X, d.Corner.Y = d.scale(d.Corner.X), d.scale(d.Corner.Y)
	d.Pad, d.Pixelate, d.Radius = d.scale(d.Pad), d.scale(d.Pixelate), min(d.scale(d.Radius), maxRadius)
	if d.Width > MaxSide || d.Height > MaxSide || d.Corner.X > maxCorner || d.Corner.Y > maxCorner {
		return Spec{}, &Error{Key: "dpr", Message: fmt.Sprintf("times the size exceeds %d px a side", MaxSide)}
	}
	if err := d.finishRatio(); err != nil {
		return Spec{}, err
	}
	d.OverlayAt = Point{d.scale(d.OverlayAt.X), d.scale(d.OverlayAt.Y)}
	if d.OverlayAt.X > MaxSide || d.OverlayAt.Y > MaxSide {
		return Spec{}, &Error{Key: "dpr", Message: fmt.Sprintf("makes ox or oy exceed %d px", MaxSide)}
	}
	if d.Pad > maxPad || d.Pixelate > maxBlock {
		return Spec{}, &Error{Key: "dpr", Message: fmt.Sprintf("makes pad or px exceed %d px", maxPad)}
	}
	if d.Width*d.Height > MaxPixels {
		return Spec{}, &Error{Message: fmt.Sprintf("output exceeds %d megapixels", MaxPixels/1_000_000)}
	}
	d.finishCrop()
	d.finishFlip()
	d.finishEffects()
	return d.Spec, nil
}

// scale takes a length in pixels times dpr.
func (d *draft) scale(length int) int { return (length*d.dpr + 50) / 100 }

// finishRatio completes the box. A box with both sides has no use for a ratio.
func (d *draft) finishRatio() error {
	r := d.ratio
	switch {
	case r == (Ratio{}):
	case d.Width > 0 && d.Height > 0:
		return &Error{Key: "ar", Message: "w and h are given, so there is nothing left for a ratio to say"}
	case d.Width > 0:
		d.Height = pixels(float64(d.Width) * float64(r.Height) / float64(r.Width))
	case d.Height > 0:
		d.Width = pixels(float64(d.Height) * float64(r.Width) / float64(r.Height))
	default:
		d.Ratio = r
	}
	if d.Width > MaxSide || d.Height > MaxSide {
		return &Error{Key: "ar", Message: fmt.Sprintf("makes a side longer than %d px", MaxSide)}
	}
	return nil
}

// finishCrop gives each box its one Crop and Gravity.
func (d *draft) finishCrop() {
	s := &d.Spec
	if d.thumb && !d.gravity {
		s.Gravity = Gravity{Kind: GravityAttention}
	}
	if s.Crop != CropArea {
		s.Corner = Corner{}
	}
	sized := s.Width > 0 || s.Height > 0
	switch {
	case s.Ratio != Ratio{}:
		if s.Crop != CropContain && !s.Corner.Set {
			s.Crop = CropFill
		}
	case !sized && !s.Corner.Set:
		s.Crop = CropNone
	case s.Crop == CropNone:
		s.Crop = CropFit
	}
	if s.Crop != CropFill && s.Crop != CropArea || s.Corner.Set {
		s.Gravity = Gravity{}
	}
}

// finishFlip: upside down is left to right and half a turn, which for quarter turns makes one spelling of two.
func (d *draft) finishFlip() {
	if d.FlipY && d.Angle%9000 == 0 {
		d.FlipX, d.FlipY = !d.FlipX, false
		d.Angle = (d.Angle + 18000) % 36000
	}
}

// finishEffects: what has no effect is not there.
func (d *draft) finishEffects() {
	if d.Pixelate == 1 {
		d.Pixelate = 0
	}
	if d.Gray {
		d.Saturation = 0
	}
	if d.Overlay == "" {
		d.OverlayGravity, d.OverlayAt, d.Opacity = Gravity{}, Point{}, 0
	}
	if d.Opacity == 100 {
		d.Opacity = 0
	}
	if d.still && d.Page == 0 {
		d.Page = 1
	}
}

func (d *draft) setWidth(v string) string  { return setInt(&d.Width, v, 1, MaxSide) }
func (d *draft) setHeight(v string) string { return setInt(&d.Height, v, 1, MaxSide) }
func (d *draft) setCrop(v string) (wrong string) {
	switch v {
	case "thumb":
		d.Crop, d.thumb = CropFill, true
		return ""
	case "cover":
		d.Crop = CropFill
		return ""
	}
	for c := CropFit; int(c) < len(cropNames); c++ {
		if cropNames[c] == v {
			d.Crop = c
			return ""
		}
	}
	return "must be one of fit, fill, cover, contain, inside, outside, thumb, scale, crop"
}

func (d *draft) setGravity(v string) (wrong string) {
	d.gravity = true
	d.Gravity, wrong = parseGravity(v)
	return wrong
}

func (d *draft) setRatio(v string) string {
	w, h, _ := strings.Cut(v, ":")
	if setInt(&d.ratio.Width, w, 1, maxRatio) != "" || setInt(&d.ratio.Height, h, 1, maxRatio) != "" {
		return fmt.Sprintf("must be two whole numbers from 1 to %d, as in 16:9", maxRatio)
	}
	by := gcd(d.ratio.Width, d.ratio.Height)
	d.ratio = Ratio{d.ratio.Width / by, d.ratio.Height / by}
	return ""
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func (d *draft) setX(v string) string {
	d.Corner.Set = true
	return setInt(&d.Corner.X, v, 0, maxCorner)
}

func (d *draft) setY(v string) string {
	d.Corner.Set = true
	return setInt(&d.Corner.Y, v, 0, maxCorner)
}

func (d *draft) setFlip(v string) (wrong string) {
	switch v {
	case "h", "v", "hv":
		d.FlipX, d.FlipY = v[0] == 'h', v[len(v)-1] == 'v'
		return ""
	}
	return "must be one of h, v, hv"
}

func (d *draft) setSharpen(v string) string { return setDecimal(&d.Sharpen, v, 2, 0, maxSharpen*100) }

func (d *draft) setFormat(v string) (wrong string) {
	if v == "jxl" {
		return "JPEG XL cannot be written: this build of libvips has no encoder for it"
	}
	if name, ok := strings.CutPrefix(v, "auto:"); ok { // as settled Specs have it
		if d.Format, ok = ParseFormat(name); ok && d.Format.Written() {
			d.OrSource = true
			return ""
		}
	}
	f, ok := formatNamed(v)
	if !ok || !f.Written() && !f.Inspects() && f != FormatAuto {
		return "must be one of auto, jpg, png, webp, avif, gif, json, blurhash, thumbhash"
	}
	d.Format = f
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

func (d *draft) setBrightness(v string) string { return setSigned(&d.Brightness, v, maxAdjust) }
func (d *draft) setContrast(v string) string   { return setSigned(&d.Contrast, v, maxAdjust) }
func (d *draft) setSaturation(v string) string { return setSigned(&d.Saturation, v, maxAdjust) }
func (d *draft) setPixelate(v string) string   { return setInt(&d.Pixelate, v, 1, maxBlock) }
func (d *draft) setTrim(v string) string       { return setInt(&d.Trim, v, 1, maxTrim) }
func (d *draft) setPad(v string) string        { return setInt(&d.Pad, v, 1, maxPad) }
func (d *draft) setPage(v string) string       { return setInt(&d.Page, v, 1, maxPage) }

func (d *draft) setRadius(v string) string {
	if v == "max" {
		d.Radius = maxRadius
		return ""
	}
	return setInt(&d.Radius, v, 1, MaxSide)
}

func (d *draft) setAnimation(v string) (wrong string) {
	if v != "0" {
		return "must be 0"
	}
	d.still = true
	return ""
}

func (d *draft) setLinear(v string) (wrong string) {
	if v != "1" {
		return "must be 1"
	}
	d.Linear = true
	return ""
}

// setOverlay takes a public id: segments of unreserved characters, none empty or beginning with a dot.
func (d *draft) setOverlay(v string) (wrong string) {
	if len(v) > maxName {
		return fmt.Sprintf("is longer than %d bytes", maxName)
	}
	for segment := range strings.SplitSeq(v, ":") {
		if segment == "" || segment[0] == '.' || strings.Trim(segment, unreserved) != "" {
			return "must be a public id, with : for /"
		}
	}
	d.Overlay = v
	return ""
}

// unreserved are the characters of a public id's segments (RFC 3986).
const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-"

func (d *draft) setOverlayGravity(v string) (wrong string) {
	g, wrong := parseGravity(v)
	if wrong != "" || g.Kind != GravityCompass || strings.HasPrefix(v, "xy_") {
		return "must be center or a direction such as northeast"
	}
	d.OverlayGravity = g
	return ""
}

func (d *draft) setOverlayX(v string) string { return setInt(&d.OverlayAt.X, v, 0, MaxSide) }
func (d *draft) setOverlayY(v string) string { return setInt(&d.OverlayAt.Y, v, 0, MaxSide) }
func (d *draft) setOpacity(v string) string  { return setInt(&d.Opacity, v, 1, 100) }

// setSigned takes a whole number from -most to most in its one plain spelling.
func setSigned(into *int, text string, most int) (wrong string) {
	digits, negative := strings.CutPrefix(text, "-")
	if setInt(into, digits, 0, most) != "" || negative && *into == 0 {
		return fmt.Sprintf("must be a whole number from -%d to %d", most, most)
	}
	if negative {
		*into = -*into
	}
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
