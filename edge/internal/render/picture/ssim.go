package picture

// ssim compares the brightness of two pictures of the same size: the mean structural similarity of windows of 8×8
// pixels, every 4 pixels, with the usual constants. 1 is equal. Sides under 8 pixels are compared by what there is.
func ssim(a, b []byte, width, height int) float64 {
	across, down := max(1, width/4), max(1, height/4)
	above, row := make([]moments, across), make([]moments, across)
	var sum float64
	windows := 0
	for y := range down {
		for x := range across {
			row[x] = block(a, b, width, 4*x, 4*y, min(width, 4*x+4), min(height, 4*y+4))
		}
		for x := 1; x < across && y > 0; x++ {
			m := row[x]
			m.add(row[x-1])
			m.add(above[x])
			m.add(above[x-1])
			sum += m.ssim()
			windows++
		}
		above, row = row, above
	}
	if windows == 0 {
		m := block(a, b, width, 0, 0, width, height)
		return m.ssim()
	}
	return sum / float64(windows)
}

// moments are sums over the pixels of two windows.
type moments struct{ n, a, b, squares, product int }

func block(a, b []byte, stride, left, top, right, bottom int) (m moments) {
	for y := top; y < bottom; y++ {
		rowA, rowB := a[y*stride+left:y*stride+right], b[y*stride+left:y*stride+right]
		for x, va := range rowA {
			va, vb := int(va), int(rowB[x])
			m.a += va
			m.b += vb
			m.squares += va*va + vb*vb
			m.product += va * vb
		}
	}
	m.n = (right - left) * (bottom - top)
	return m
}

func (m *moments) add(o moments) {
	m.n, m.a, m.b, m.squares, m.product = m.n+o.n, m.a+o.a, m.b+o.b, m.squares+o.squares, m.product+o.product
}

func (m *moments) ssim() float64 {
	const c1, c2 = 0.01 * 255 * 0.01 * 255, 0.03 * 255 * 0.03 * 255
	n := float64(m.n)
	meanA, meanB := float64(m.a)/n, float64(m.b)/n
	variances := float64(m.squares)/n - meanA*meanA - meanB*meanB
	covariance := float64(m.product)/n - meanA*meanB
	return (2*meanA*meanB + c1) * (2*covariance + c2) / ((meanA*meanA + meanB*meanB + c1) * (variances + c2))
}

// luma is the brightness of plain pixels of 1 to 4 bands; a last band of an even number is transparency.
func luma(pixels []byte, bands int) []byte {
	if bands == 1 {
		return pixels
	}
	y := make([]byte, len(pixels)/bands)
	for i := range y {
		p := pixels[i*bands:]
		y[i] = p[0]
		if bands > 2 {
			y[i] = byte((77*int(p[0]) + 150*int(p[1]) + 29*int(p[2])) >> 8)
		}
	}
	return y
}
