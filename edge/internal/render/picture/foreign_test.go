package picture

import (
	"bytes"
	"embed"
	"image"
	"image/color"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/transform"
)

// testdata holds the scene of quartered (160×96) in HEIC, made with heif-enc: p3 in the colours of its profile, tenbit
// with ten bits a colour.
//
//go:embed testdata
var testdata embed.FS

func heicFile(t testing.TB, name string) ([]byte, transform.Source) {
	buf := must(testdata.ReadFile("testdata/" + name + ".heic"))(t)
	return buf, transform.Source{Format: transform.HEIC, Width: 160, Height: 96, Frames: 1}
}

// scene is the picture of quartered for Go's encoders.
func scene(set func(x, y int, c color.NRGBA)) {
	for y := range 48 {
		for x := range 80 {
			q := quarters[2*(2*y/48)+2*x/80]
			set(x, y, color.NRGBA{q[0], q[1], q[2], 255})
		}
	}
}

func encodedTIFF(t testing.TB, img image.Image, options *tiff.Options) ([]byte, transform.Source) {
	var body bytes.Buffer
	if err := tiff.Encode(&body, img, options); err != nil {
		t.Fatal(err)
	}
	return body.Bytes(), transform.Source{Format: transform.TIFF, Width: 80, Height: 48, Frames: 1}
}

func TestTIFF(t *testing.T) {
	size := image.Rect(0, 0, 80, 48)
	deep, clear, gray := image.NewNRGBA64(size), image.NewNRGBA(size), image.NewGray(size)
	scene(func(x, y int, c color.NRGBA) {
		deep.Set(x, y, c)
		gray.Set(x, y, c)
		if x < 40 {
			c.A = 0
		}
		clear.Set(x, y, c)
	})
	for _, options := range []*tiff.Options{nil, {Compression: tiff.Deflate, Predictor: true}} {
		buf, src := encodedTIFF(t, deep, options)
		wantQuarters(t, rendered(t, buf, src, "w_40,f_png"), [4]int{0, 1, 2, 3}, 2)
		src.Orientation = 6
		wantQuarters(t, rendered(t, buf, src, "w_40,f_png"), [4]int{2, 0, 3, 1}, 2)
		buf, src = encodedTIFF(t, clear, options)
		src.Alpha = true
		out := rendered(t, buf, src, "w_40")
		wantTransparent(t, out, 5, 5)
		wantColour(t, out, 35, 5, quarters[1], 2)
		buf, src = encodedTIFF(t, gray, options)
		if out := rendered(t, buf, src, "w_40,f_png"); out.Bands() != 1 {
			t.Errorf("%d bands, want a grey picture", out.Bands())
		}
	}
}

func TestBMP(t *testing.T) {
	size := image.Rect(0, 0, 80, 48)
	rgb := image.NewRGBA(size)
	flat := image.NewPaletted(size, color.Palette{})
	for _, q := range quarters {
		flat.Palette = append(flat.Palette, color.RGBA{q[0], q[1], q[2], 255})
	}
	scene(func(x, y int, c color.NRGBA) { rgb.Set(x, y, c); flat.Set(x, y, c) })
	for _, img := range []image.Image{rgb, flat} {
		var body bytes.Buffer
		if err := bmp.Encode(&body, img); err != nil {
			t.Fatal(err)
		}
		src := transform.Source{Format: transform.BMP, Width: 80, Height: 48, Frames: 1}
		wantQuarters(t, rendered(t, body.Bytes(), src, "w_40,f_png"), [4]int{0, 1, 2, 3}, 2)
		wantQuarters(t, rendered(t, body.Bytes(), src, "tr_10,c_crop,x_0,f_webp"), [4]int{0, 1, 2, 3}, 12)
	}
}

func TestHEIC(t *testing.T) {
	for _, name := range []string{"p3", "tenbit"} {
		buf, src := heicFile(t, name)
		for _, text := range []string{"w_40,f_png", "f_webp,q_95", "w_40"} {
			wantQuarters(t, rendered(t, buf, src, text), [4]int{0, 1, 2, 3}, 20)
		}
	}
}

// Display P3 is put into the TIFF as an editor would do: in its directory.
func TestTIFFProfile(t *testing.T) {
	profile, ok := inProfile(t, "p3", 8).GetICCProfile()
	if !ok {
		t.Fatal("no profile")
	}
	img := image.NewNRGBA(image.Rect(0, 0, 80, 48))
	p3 := inProfile(t, "p3", 8)
	scene(func(x, y int, _ color.NRGBA) {
		c := must(p3.Getpoint(x, y, nil))(t)
		img.Set(x, y, color.NRGBA{byte(c[0]), byte(c[1]), byte(c[2]), 255})
	})
	buf, src := encodedTIFF(t, img, nil)
	buf = withTIFFProfile(buf, profile)
	wantQuarters(t, rendered(t, buf, src, "w_40,f_png"), [4]int{0, 1, 2, 3}, 14)
}

// withTIFFProfile writes the directory anew at the end of the file, with one more entry.
func withTIFFProfile(buf, profile []byte) []byte {
	le := func(n, bytes int) (b []byte) {
		for range bytes {
			b = append(b, byte(n))
			n >>= 8
		}
		return b
	}
	at := int(buf[4]) | int(buf[5])<<8 | int(buf[6])<<16
	n := int(buf[at]) | int(buf[at+1])<<8
	entries := bytes.Clone(buf[at+2 : at+2+12*n])
	profileAt := len(buf)
	buf = append(bytes.Clone(buf), profile...)
	directory := len(buf)
	buf = append(buf, le(n+1, 2)...)
	buf = append(buf, entries...)
	buf = append(buf, le(34675, 2)...)
	buf = append(buf, le(7, 2)...)
	buf = append(buf, le(len(profile), 4)...)
	buf = append(buf, le(profileAt, 4)...)
	buf = append(buf, 0, 0, 0, 0)
	copy(buf[4:], le(directory, 4))
	return buf
}

func TestForeignDamage(t *testing.T) {
	heicBytes, heicSource := heicFile(t, "p3")
	tiffBytes, tiffSource := encodedTIFF(t, image.NewNRGBA(image.Rect(0, 0, 80, 48)), nil)
	var bmpBody bytes.Buffer
	if err := bmp.Encode(&bmpBody, image.NewNRGBA(image.Rect(0, 0, 80, 48))); err != nil {
		t.Fatal(err)
	}
	bmpSource := tiffSource
	bmpSource.Format = transform.BMP
	for name, c := range map[string]struct {
		buf []byte
		src transform.Source
	}{"heic": {heicBytes, heicSource}, "tiff": {tiffBytes, tiffSource}, "bmp": {bmpBody.Bytes(), bmpSource}} {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{0, 1, 20, len(c.buf) / 2} {
				wantDamaged(t, c.buf[:n], c.src)
			}
			wrong := c.src
			wrong.Width++
			wantDamaged(t, c.buf, wrong)
			wrong.Width, wrong.Height = 50_000, 50_000
			wantDamaged(t, c.buf, wrong)
			mutate(t, c.buf, c.src)
		})
	}
}

// mutate flips bytes here and there: whatever comes out, it is a picture or Damaged.
func mutate(t *testing.T, buf []byte, src transform.Source) {
	spec := transform.Spec{Width: 20, Crop: transform.CropFit, Format: transform.PNG}
	for at := 0; at < len(buf); at += 1 + len(buf)/60 {
		bad := bytes.Clone(buf)
		bad[at] ^= 0x55
		if _, err := renderFile(bad, src, spec); err != nil && edge.KindOf(err) != edge.Damaged {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
}
