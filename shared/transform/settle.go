package transform

import "strings"

// Accept is what a client's Accept header says about the formats that not every client reads.
type Accept struct{ AVIF, WebP bool }

// ParseAccept reads an Accept header (RFC 9110, section 12.5.1). Only formats named outright count: «image/*» is sent
// by clients that read no AVIF. A weight of zero refuses.
func ParseAccept(header string) Accept {
	var a Accept
	for rest, more := header, header != ""; more; {
		var part string
		part, rest, more = strings.Cut(rest, ",")
		mediaType, params, _ := strings.Cut(part, ";")
		switch mediaType = strings.TrimSpace(mediaType); {
		case strings.EqualFold(mediaType, "image/avif"):
			a.AVIF = !refused(params)
		case strings.EqualFold(mediaType, "image/webp"):
			a.WebP = !refused(params)
		}
	}
	return a
}

// refused reports whether the parameters hold a weight of zero: q=0, q=0.0, q=0.00 or q=0.000.
func refused(params string) bool {
	for rest, more := params, params != ""; more; {
		var param string
		param, rest, more = strings.Cut(rest, ";")
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if strings.EqualFold(name, "q") && strings.Trim(value, "0.") == "" && strings.HasPrefix(value, "0") {
			return true
		}
	}
	return false
}

// Settle turns a wish into the one Spec that names its result: the format is concrete, and what changes nothing for
// this source and format is left out, so that equal results have equal Specs.
func (s Spec) Settle(src Source, accept Accept) Spec {
	ours := s.Format == FormatAuto || s.Format == FormatSource || s.OrSource
	s.Format = s.settleFormat(src, accept)
	if s.Format.Inspects() {
		s.settleInspection()
	}
	if s.Format.Lossless() {
		s.Quality = 0
	}
	s.settleCrop(src)
	s.settleSize(src)
	if !s.backgroundShows(src) {
		s.Background = Background{}
	}
	s.settleFrames(src)
	if s.Quality < 0 && s.Animated(src) {
		s.Quality = 0 // looking at every frame would take longer than showing them
	}
	s.settleLinear(src)
	s.OrSource = ours && s.onlyEncodes(src) && (src.Format == s.Format || accept.takes(src.Format))
	return s
}

// takes reports whether the client reads the format.
func (a Accept) takes(f Format) bool {
	switch f {
	case AVIF:
		return a.AVIF
	case WebP:
		return a.WebP
	}
	return f.Written()
}

// settleSize: a box that the picture fits in as it is says nothing. What has no Layout is refused later.
func (s *Spec) settleSize(src Source) {
	if s.Crop == CropNone || s.Trim > 0 {
		return
	}
	l, err := s.Layout(src)
	padded := Size{l.Whole.Width + 2*s.Pad, l.Whole.Height + 2*s.Pad}
	if err != nil || l.Cut.Size != l.Whole || l.Scaled != l.Whole || l.Cropped.Size != l.Whole || l.Canvas != padded {
		return
	}
	s.Width, s.Height, s.Crop, s.Ratio, s.Corner, s.Gravity = 0, 0, CropNone, Ratio{}, Corner{}, Gravity{}
}

// onlyEncodes reports whether the result would show the source as it is, upright and in its size. Whether its colours
// need conversion, only a decoder knows.
func (s Spec) onlyEncodes(src Source) bool {
	l, err := s.Layout(src)
	if err != nil || l.Out != l.Whole || src.Orientation > 1 || !src.Format.Written() {
		return false
	}
	return s == Spec{Format: s.Format, OrSource: s.OrSource, Quality: s.Quality}
}

// settleFrames: naming the only frame there is, or the one that is shown anyway, says nothing.
func (s *Spec) settleFrames(src Source) {
	if s.Page == 1 && (src.Frames <= 1 || !s.Format.Animates()) {
		s.Page = 0
	}
}

// settleLinear: only reducing differs in linear light. What has no Layout is refused later.
func (s *Spec) settleLinear(src Source) {
	if !s.Linear || s.Trim > 0 {
		return
	}
	l, err := s.Layout(src)
	s.Linear = err != nil || l.Scaled.Width < l.Cut.Width || l.Scaled.Height < l.Cut.Height
}

// settleCrop drops the gravity where nothing is cut off. What has no Layout is refused later.
func (s *Spec) settleCrop(src Source) {
	if s.Gravity == (Gravity{}) || s.Trim > 0 {
		return
	}
	if l, err := s.Layout(src); err == nil && l.Cut.Size == l.Whole && l.Cropped.Size == l.Scaled {
		s.Gravity = Gravity{}
	}
}

// settleInspection keeps of the wish what changes the answer. JSON is about the source; a hash is about what is seen,
// so that it fits the variant which it stands in for, but knows no fine detail and no sizes.
func (s *Spec) settleInspection() {
	if s.Format == JSON {
		*s = Spec{Format: JSON, Page: s.Page}
		return
	}
	s.Sigma, s.Sharpen, s.Pixelate, s.Radius, s.Pad, s.Linear = 0, 0, 0, 0, 0, false
	s.Overlay, s.OverlayGravity, s.OverlayAt, s.Opacity = "", Gravity{}, Point{}, 0
	s.Angle -= s.Angle % 9000
	switch {
	case s.Ratio != Ratio{} || s.Crop == CropArea:
	case s.Width > 0 && s.Height > 0 && (s.Crop == CropFill || s.Crop == CropContain || s.Crop == CropScale):
		box := Size{s.Width, s.Height}
		box = box.scaled(s.limitScale(box))
		s.Width, s.Height = box.Width, box.Height
	default: // nothing is cut off or distorted
		s.Width, s.Height, s.Crop, s.Gravity = 0, 0, CropNone, Gravity{}
	}
}

func (s Spec) settleFormat(src Source, accept Accept) Format {
	switch {
	case s.Format == FormatSource:
		return src.Shown()
	case s.Format != FormatAuto:
		return s.Format
	case src.Frames > 1 && s.Page == 0 && accept.WebP:
		return WebP
	case src.Frames > 1 && s.Page == 0:
		return GIF
	case accept.AVIF:
		return AVIF
	case accept.WebP:
		return WebP
	case src.Alpha || s.Radius > 0 && !s.Background.Set:
		return PNG
	default:
		return JPEG
	}
}

// backgroundShows: padding, corners, and alpha that the format cannot keep.
func (s Spec) backgroundShows(src Source) bool {
	return s.Crop == CropContain || s.Pad > 0 || s.Radius > 0 || s.Angle%9000 != 0 || src.Alpha && !s.Format.HasAlpha()
}
