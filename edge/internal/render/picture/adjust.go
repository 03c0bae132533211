package picture

import "math"

// adjust changes brightness, contrast and saturation, in this order and as the CSS filters of these names do.
func (r *render) adjust(f *frame) error {
	s := r.spec
	if s.Brightness == 0 && s.Contrast == 0 && s.Saturation == 0 {
		return nil
	}
	levels := levels(percent(s.Brightness), percent(s.Contrast))
	return r.edit(f, func(p pixels) {
		colours := p.colours()
		for at := 0; at < len(p.data); at += p.bands {
			for i := at; i < at+colours; i++ {
				p.data[i] = levels[p.data[i]]
			}
		}
		if s.Saturation != 0 && colours == 3 {
			p.saturate(percent(s.Saturation))
		}
	})
}

// percent is the factor of so many percent more.
func percent(more int) float64 { return float64(100+more) / 100 }

// levels says what becomes of each value of a colour.
func levels(brightness, contrast float64) (to [256]byte) {
	for from := range to {
		to[from] = clamped((float64(from)*brightness-127.5)*contrast + 127.5)
	}
	return to
}

// saturate moves each colour away from the grey of its lightness, or towards it.
func (p pixels) saturate(by float64) {
	for at := 0; at < len(p.data); at += p.bands {
		rgb := p.data[at : at+3]
		grey := 0.2126*float64(rgb[0]) + 0.7152*float64(rgb[1]) + 0.0722*float64(rgb[2])
		for i, c := range rgb {
			rgb[i] = clamped(grey + (float64(c)-grey)*by)
		}
	}
}

func clamped(v float64) byte { return byte(math.Round(min(max(v, 0), 255))) }
