package picture

// pixelate gives each block of pixels their mean colour.
func (r *render) pixelate(f *frame) error {
	side := r.spec.Pixelate
	if side == 0 {
		return nil
	}
	return r.edit(f, func(p pixels) {
		for y := 0; y < p.Height; y += side {
			for x := 0; x < p.Width; x += side {
				p.even(x, y, min(x+side, p.Width), min(y+side, p.Height))
			}
		}
	})
}

// even gives an area its mean colour. Pixels count by their alpha: invisible ones have no say.
func (p pixels) even(left, top, right, bottom int) {
	var sum [4]uint64
	var weight uint64
	colours := p.colours()
	for y := top; y < bottom; y++ {
		for x := left; x < right; x++ {
			pixel, alpha := p.at(x, y), uint64(255)
			if colours < p.bands {
				alpha = uint64(pixel[colours])
			}
			weight += alpha
			for i := range colours {
				sum[i] += uint64(pixel[i]) * alpha
			}
		}
	}
	area := uint64(right-left) * uint64(bottom-top)
	mean := [4]byte{}
	for i := range colours {
		mean[i] = byte((sum[i] + weight/2) / max(1, weight))
	}
	mean[colours%4] = byte(weight / area) // alpha, if there is one
	for y := top; y < bottom; y++ {
		for x := left; x < right; x++ {
			copy(p.at(x, y), mean[:p.bands])
		}
	}
}
