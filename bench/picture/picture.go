// Package picture makes the pictures that the harness uploads: synthetic, but as busy as photographs, so that decoding
// and encoding them costs what photographs cost.
package picture

import (
	"bytes"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
)

// Photo paints an opaque picture: soft light, edges, and fine grain. Equal seeds give equal pictures.
func Photo(width, height int, seed uint64) *image.RGBA {
	rnd := rand.New(rand.NewPCG(seed, 1))
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	fx, fy, phase := 3+4*rnd.Float64(), 2+4*rnd.Float64(), 6*rnd.Float64()
	for y := range height {
		v := float64(y) / float64(height)
		for x := range width {
			u := float64(x) / float64(width)
			light := 0.5 + 0.3*math.Sin(fx*u*6+phase)*math.Cos(fy*v*6) + 0.2*v
			if math.Mod(u*fx*3+v*fy*2, 1) < 0.12 {
				light *= 0.6 // edges of things
			}
			grain := (rnd.Float64() - 0.5) * 0.06
			m.SetRGBA(x, y, color.RGBA{channel(light + grain), channel(light*0.8 + 0.1*u + grain), channel(0.9 - light*0.6 + grain), 255})
		}
	}
	return m
}

func channel(v float64) uint8 { return uint8(255 * max(0, min(1, v))) }

// JPEG encodes with quality 90.
func JPEG(m image.Image) []byte {
	var out bytes.Buffer
	must(jpeg.Encode(&out, m, &jpeg.Options{Quality: 90}))
	return out.Bytes()
}

// PNG encodes quickly.
func PNG(m image.Image) []byte {
	var out bytes.Buffer
	must((&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&out, m))
	return out.Bytes()
}

// GIF is an animation of a moving bar, with the delays 5, 10, 15, … hundredths of a second, looping for ever.
func GIF(width, height, frames int) []byte {
	g := &gif.GIF{}
	for i := range frames {
		m := image.NewPaletted(image.Rect(0, 0, width, height), palette.Plan9)
		for y := range height {
			for x := range width {
				bar := x*frames/width == i
				if bar {
					m.SetColorIndex(x, y, uint8(palIndex(color.RGBA{255, 40, 0, 255})))
				} else {
					m.SetColorIndex(x, y, uint8(palIndex(color.RGBA{20, 40, 90, 255})))
				}
			}
		}
		g.Image = append(g.Image, m)
		g.Delay = append(g.Delay, 5*(i+1))
	}
	var out bytes.Buffer
	must(gif.EncodeAll(&out, g))
	return out.Bytes()
}

func palIndex(c color.Color) int { return color.Palette(palette.Plan9).Index(c) }

// must stops on errors that only a programming mistake can cause: buffers take everything.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
