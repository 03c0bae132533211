package picture

import (
	"testing"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/shared/transform"
)

// Depths, interlacing and transparency in the ways that files have them all come out as eight bits of the same colours.
func TestDepthsAndTransparency(t *testing.T) {
	opaque, seethrough := quartered(t, 80, 48, 3), cornered(t)
	deep := func(img *vips.Image) *vips.Image {
		img = must(img.Copy(nil))(t)
		t.Cleanup(img.Close)
		if err := img.Colourspace(vips.InterpretationRgb16, nil); err != nil {
			t.Fatal(err)
		}
		return img
	}
	heif := func(img *vips.Image, bits int) []byte {
		return must(img.HeifsaveBuffer(&vips.HeifsaveBufferOptions{Q: 95, Bitdepth: bits, Compression: vips.HeifCompressionAv1}))(t)
	}
	for name, c := range map[string]struct {
		body  []byte
		from  transform.Format
		alpha bool
	}{
		"PNG, 16 bits and alpha":  {must(deep(seethrough).PngsaveBuffer(&vips.PngsaveBufferOptions{Bitdepth: 16}))(t), transform.PNG, true},
		"PNG, interlaced":         {must(opaque.PngsaveBuffer(&vips.PngsaveBufferOptions{Interlace: true}))(t), transform.PNG, false},
		"PNG, interlaced, 16":     {must(deep(opaque).PngsaveBuffer(&vips.PngsaveBufferOptions{Bitdepth: 16, Interlace: true}))(t), transform.PNG, false},
		"WebP, lossless":          {must(seethrough.WebpsaveBuffer(&vips.WebpsaveBufferOptions{Lossless: true}))(t), transform.WebP, true},
		"AVIF, alpha":             {heif(seethrough, 8), transform.AVIF, true},
		"AVIF, 10 bits":           {heif(deep(opaque), 10), transform.AVIF, false},
		"AVIF, 12 bits and alpha": {heif(deep(seethrough), 12), transform.AVIF, true},
	} {
		t.Run(name, func(t *testing.T) {
			src := transform.Source{Format: c.from, Width: 80, Height: 48, Frames: 1, Alpha: c.alpha}
			for _, text := range []string{"f_png", "w_40,f_png", "w_40,f_webp,q_95", "w_40,f_avif,q_95", "w_40,f_gif", "w_40,f_jpg,q_95",
				"w_40,h_40,c_fill,f_png", "r_90,w_40,f_png", "gr_1,w_40,f_png", "tr_1,w_40,f_png", "w_40,sh_1,br_1,rd_4,f_png"} {
				out := rendered(t, c.body, src, text)
				if out.BandFormat() != vips.BandFormatUchar {
					t.Errorf("%s: pixels are %v", text, out.BandFormat())
				}
				if text == "f_png" || text == "w_40,f_webp,q_95" || text == "w_40,f_avif,q_95" {
					wantQuarters(t, out, [4]int{0, 1, 2, 3}, 16)
					if c.alpha {
						wantTransparent(t, out, out.Width()-1, 0)
					} else if out.HasAlpha() {
						t.Errorf("%s: there is transparency", text)
					}
				}
			}
		})
	}
}

// cornered is the quartered picture with a transparent corner at the top right.
func cornered(t testing.TB) *vips.Image {
	pixels := must(quartered(t, 80, 48, 4).WriteToMemory())(t)
	for y := range 6 {
		for x := 70; x < 80; x++ {
			pixels[4*(80*y+x)+3] = 0
		}
	}
	return fromPixels(t, pixels, 80, 48, 4)
}
