package picture

import (
	"fmt"
	"testing"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/shared/transform"
)

// stored says, per EXIF orientation, which quarter of the scene lies where in the file, in the order of reading.
var stored = [9][4]int{
	1: {0, 1, 2, 3}, 2: {1, 0, 3, 2}, 3: {3, 2, 1, 0}, 4: {2, 3, 0, 1},
	5: {0, 2, 1, 3}, 6: {1, 3, 0, 2}, 7: {3, 1, 2, 0}, 8: {2, 0, 3, 1},
}

// tagged is the scene of quartered (80×48) as a camera held in the orientation's way would store it, with the tag.
func tagged(t testing.TB, orientation int) ([]byte, transform.Source) {
	w, h := 80, 48
	if orientation >= 5 {
		w, h = h, w
	}
	var pixels []byte
	for y := range h {
		for x := range w {
			pixels = append(pixels, quarters[stored[orientation][2*(2*y/h)+2*x/w]]...)
		}
	}
	img := fromPixels(t, pixels, w, h, 3)
	if err := img.SetOrientation(orientation); err != nil {
		t.Fatal(err)
	}
	buf, src := encoded(t, img, transform.JPEG)
	src.Orientation = orientation
	return buf, src
}

func TestEveryOrientationComesOutUpright(t *testing.T) {
	for orientation := 1; orientation <= 8; orientation++ {
		t.Run(fmt.Sprint(orientation), func(t *testing.T) {
			buf, src := tagged(t, orientation)
			for _, text := range []string{"f_png", "w_40,f_png", "w_40,h_24,c_fill,f_png", "w_20,h_20,c_outside,f_webp"} {
				out := rendered(t, buf, src, text)
				wantQuarters(t, out, [4]int{0, 1, 2, 3}, 12)
			}
			turned := rendered(t, buf, src, "r_90,f_png")
			wantSize(t, turned, transform.Size{Width: 48, Height: 80})
			wantQuarters(t, turned, [4]int{2, 0, 3, 1}, 12)
		})
	}
}

func TestNoMetadataInAnyOutput(t *testing.T) {
	img := quartered(t, 64, 64, 3)
	img.SetString("exif-ifd0-Artist", "a name")
	img.SetString("exif-ifd3-GPSLatitude", "1/1 2/1 3/1")
	if err := img.IccTransform("p3", &vips.IccTransformOptions{InputProfile: "srgb"}); err != nil {
		t.Fatal(err)
	}
	for _, from := range []transform.Format{transform.JPEG, transform.PNG, transform.WebP, transform.AVIF} {
		buf, src := encoded(t, img, from)
		if !decoded(t, buf).HasICCProfile() || !decoded(t, buf).HasField("exif-data") {
			t.Fatalf("the %v source of this test has no metadata", from)
		}
		for _, to := range everyFormat {
			out := rendered(t, buf, src, "w_32,f_"+to.String())
			for _, field := range []string{"exif-data", "xmp-data", "iptc-data", "icc-profile-data", "orientation"} {
				if out.HasField(field) {
					t.Errorf("%v to %v keeps %s", from, to, field)
				}
			}
		}
	}
}
