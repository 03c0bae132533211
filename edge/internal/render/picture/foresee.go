package picture

import "math"

// The brightness part of the example quantisation tables of JPEG's specification, which libjpeg scales by quality.
var luminance = [64]float32{
	16, 11, 10, 16, 24, 40, 51, 61,
	12, 12, 14, 19, 26, 58, 60, 55,
	14, 13, 16, 24, 40, 57, 69, 56,
	14, 17, 22, 29, 51, 87, 80, 62,
	18, 22, 37, 56, 68, 109, 103, 77,
	24, 35, 55, 64, 81, 104, 113, 92,
	49, 64, 78, 87, 103, 121, 120, 101,
	72, 92, 95, 98, 112, 100, 103, 99,
}

// cosines are the rows of the orthonormal transform.
var cosines = func() (c [8][8]float32) {
	for u := range c {
		scale := math.Sqrt(2. / 8)
		if u == 0 {
			scale = math.Sqrt(1. / 8)
		}
		for x := range c[u] {
			c[u][x] = float32(scale * math.Cos(float64(2*x+1)*float64(u)*math.Pi/16))
		}
	}
	return c
}()

// spectrum is the blocks of a sample, as JPEG transforms them.
type spectrum [][64]float32

// mostBlocks are enough to foresee from.
const mostBlocks = 1000

// transformed takes blocks of the picture in an even grid. They lie as JPEG's do.
func transformed(p pixels) spectrum {
	across, down := p.Width/8, p.Height/8
	every := 1
	for across/every*(down/every) > mostBlocks {
		every++
	}
	s := make(spectrum, 0, mostBlocks)
	for y := every / 2; y < down; y += every {
		for x := every / 2; x < across; x += every {
			s = append(s, block8(p.luma8(8*x, 8*y)))
		}
	}
	return s
}

// luma8 is the brightness of a block.
func (p pixels) luma8(left, top int) (block [64]byte) {
	for y := range 8 {
		start := ((top+y)*p.Width + left) * p.bands
		copy(block[8*y:], luma(p.data[start:start+8*p.bands], p.bands))
	}
	return block
}

// block8 is the transform of one block. Even rows of cosines are symmetric and odd ones are with the sign changed, so sums
// and differences of opposite pixels halve the work.
func block8(luma [64]byte) (out [64]float32) {
	var rows [64]float32
	for y := range 8 {
		r := luma[8*y : 8*y+8 : 8*y+8]
		a, b, c, d := float32(r[0]), float32(r[1]), float32(r[2]), float32(r[3])
		e, f, g, h := float32(r[4]), float32(r[5]), float32(r[6]), float32(r[7])
		s0, s1, s2, s3 := a+h, b+g, c+f, d+e
		d0, d1, d2, d3 := a-h, b-g, c-f, d-e
		for u := 0; u < 8; u += 2 {
			even, odd := &cosines[u], &cosines[u+1]
			rows[8*u+y] = even[0]*s0 + even[1]*s1 + even[2]*s2 + even[3]*s3
			rows[8*u+8+y] = odd[0]*d0 + odd[1]*d1 + odd[2]*d2 + odd[3]*d3
		}
	}
	for u := range 8 {
		r := rows[8*u : 8*u+8 : 8*u+8]
		s0, s1, s2, s3 := r[0]+r[7], r[1]+r[6], r[2]+r[5], r[3]+r[4]
		d0, d1, d2, d3 := r[0]-r[7], r[1]-r[6], r[2]-r[5], r[3]-r[4]
		for v := 0; v < 8; v += 2 {
			even, odd := &cosines[v], &cosines[v+1]
			out[8*v+u] = even[0]*s0 + even[1]*s1 + even[2]*s2 + even[3]*s3
			out[8*v+8+u] = odd[0]*d0 + odd[1]*d1 + odd[2]*d2 + odd[3]*d3
		}
	}
	return out
}

// rounding, added and taken away again, rounds a float32 to the nearest whole number.
const rounding float32 = 3 << 22

// foreseen is about the score that a JPEG of that quality would have: what quantising does to the means, variances and
// covariance of a block can be read from its coefficients. It takes a tenth of a millisecond.
func (s spectrum) foreseen(quality int) float64 {
	scale := float32(200 - 2*quality)
	if quality < 50 {
		scale = float32(5000 / quality)
	}
	var steps, inverse [64]float32
	for i, base := range luminance {
		steps[i] = max(1, float32(int((base*scale+50)/100)))
		inverse[i] = 1 / steps[i]
	}
	const c1, c2 = 0.01 * 255 * 0.01 * 255, 0.03 * 255 * 0.03 * 255
	var sum float64
	for i := range s {
		b := &s[i]
		var variances, covariance float32
		for k := 1; k < 64; k++ {
			a := b[k]
			q := (float32(a*inverse[k]) + rounding - rounding) * steps[k]
			variances += a*a + q*q
			covariance += a * q
		}
		meanA := b[0] / 8
		meanB := ((float32((b[0]-1024)*inverse[0])+rounding-rounding)*steps[0] + 1024) / 8
		variances, covariance = variances/64, covariance/64
		sum += float64((2*meanA*meanB + c1) * (2*covariance + c2) / ((meanA*meanA + meanB*meanB + c1) * (variances + c2)))
	}
	return sum / float64(max(1, len(s)))
}
