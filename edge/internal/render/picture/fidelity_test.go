package picture

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"slices"
	"testing"

	"github.com/pictor/pictor/shared/transform"
)

func TestPalettePNG(t *testing.T) {
	scenery := image.NewPaletted(image.Rect(0, 0, 80, 48), color.Palette{color.NRGBA{}})
	for _, q := range quarters {
		scenery.Palette = append(scenery.Palette, color.NRGBA{q[0], q[1], q[2], 255})
	}
	scene(func(x, y int, c color.NRGBA) {
		if x < 70 || y > 5 { // a transparent corner
			scenery.Set(x, y, c)
		}
	})
	var body bytes.Buffer
	if err := png.Encode(&body, scenery); err != nil {
		t.Fatal(err)
	}
	src := transform.Source{Format: transform.PNG, Width: 80, Height: 48, Frames: 1, Alpha: true}
	for _, text := range []string{"w_40,f_png", "w_40,f_webp,q_100", "f_gif", "w_40,sh_1,f_avif,q_90"} {
		out := rendered(t, body.Bytes(), src, text)
		wantQuarters(t, out, [4]int{0, 1, 2, 3}, 14)
		wantTransparent(t, out, out.Width()-1, 0)
	}
}

// The picture for brighter displays that some cameras put behind the first one is not part of it.
func TestGainMap(t *testing.T) {
	first, src := encoded(t, quartered(t, 80, 48, 3), transform.JPEG)
	second, _ := encoded(t, quartered(t, 20, 12, 1), transform.JPEG)
	xmp := "http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta xmlns:x='adobe:ns:meta/'>" +
		"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>" +
		"<rdf:Description xmlns:hdrgm='http://ns.adobe.com/hdr-gain-map/1.0/' hdrgm:Version='1.0'/></rdf:RDF></x:xmpmeta>"
	segment := func(marker byte, body string) []byte {
		n := len(body) + 2
		return append([]byte{0xFF, marker, byte(n >> 8), byte(n)}, body...)
	}
	mpf := "MPF\x00MM\x00*\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00"
	buf := slices.Concat(first[:2], segment(0xE1, xmp), segment(0xE2, mpf), first[2:], second)
	for _, text := range []string{"w_40,f_png", "f_jpg,q_95", "w_20,f_avif,q_90"} {
		wantQuarters(t, rendered(t, buf, src, text), [4]int{0, 1, 2, 3}, 20)
	}
}

// Frames that cover a part, and are taken away again in the three ways there are, look as players show them.
func TestDisposal(t *testing.T) {
	colours := color.Palette{color.NRGBA{}}
	for _, q := range quarters {
		colours = append(colours, color.NRGBA{q[0], q[1], q[2], 255})
	}
	filled := func(r image.Rectangle, index uint8) *image.Paletted {
		img := image.NewPaletted(r, colours)
		for i := range img.Pix {
			img.Pix[i] = index
		}
		return img
	}
	whole, patch := image.Rect(0, 0, 40, 40), image.Rect(10, 10, 30, 30)
	movie := gif.GIF{
		Image: []*image.Paletted{filled(whole, 1), filled(patch, 2), filled(image.Rect(0, 0, 10, 10), 3), filled(patch, 4),
			filled(image.Rect(35, 35, 40, 40), 3)},
		Delay:    []int{10, 20, 30, 40, 50},
		Disposal: []byte{gif.DisposalNone, gif.DisposalPrevious, gif.DisposalNone, gif.DisposalBackground, gif.DisposalNone},
		Config:   image.Config{ColorModel: colours, Width: 40, Height: 40},
	}
	var body bytes.Buffer
	if err := gif.EncodeAll(&body, &movie); err != nil {
		t.Fatal(err)
	}
	src := transform.Source{Format: transform.GIF, Width: 40, Height: 40, Frames: 5, Alpha: true}
	for _, text := range []string{"f_gif", "f_webp,q_100", "w_20,h_20,c_fill,f_gif", "w_20,h_20,c_fill,f_webp,q_100"} {
		spec := must(transform.Parse(text))(t).Settle(src, transform.Accept{})
		out := allFrames(t, must(renderFile(body.Bytes(), src, spec))(t))
		if got := must(out.PageDelay())(t); !slices.Equal(got, []int{100, 200, 300, 400, 500}) {
			t.Errorf("%s: delays are %v", text, got)
		}
		if out.Loop() != 0 {
			t.Errorf("%s: plays %d times, want for ever", text, out.Loop())
		}
		side := out.Width()
		middle := [][]byte{quarters[0], quarters[1], quarters[0], quarters[3], nil}
		for i, want := range middle {
			y := i*side + side/2
			if want == nil {
				wantTransparent(t, out, side/2, y)
			} else {
				wantColour(t, out, side/2, y, want, 14)
			}
			wantColour(t, out, side/2, i*side+side/10, quarters[0], 14) // above the patch
		}
		wantColour(t, out, side/10, 4*side+side/10, quarters[2], 30) // the third frame's corner stays
	}
}

// No encoder gets more than it takes: WebP knows 16,383 pixels a side, and no answer has more than 4,000.
func TestEncoderLimits(t *testing.T) {
	buf, src := encoded(t, quartered(t, 20_000, 8, 3), transform.PNG)
	for _, to := range everyFormat {
		wantSize(t, rendered(t, buf, src, "f_"+to.String()), transform.Size{Width: 4000, Height: 2})
	}
}
