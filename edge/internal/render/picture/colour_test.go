package picture

import (
	"testing"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/transform"
)

// inProfile gives the quartered picture in the colours of one of libvips' built-in profiles, which it embeds.
func inProfile(t testing.TB, profile string, depth int) *vips.Image {
	img := quartered(t, 80, 48, 3)
	options := &vips.IccTransformOptions{InputProfile: "srgb", Intent: vips.IntentRelative, Depth: depth}
	if err := img.IccTransform(profile, options); err != nil {
		t.Fatal(err)
	}
	return img
}

// outOfGamut is what print cannot show of the test's green and blue; a picture that is not converted is off by 100 and more.
const outOfGamut = 65

// Profiles are dropped from the output, so the pixels must have been converted before.
func TestColoursSurviveTheirProfile(t *testing.T) {
	for _, c := range []struct {
		name, profile string
		depth         int
		format        transform.Format
		tolerance     float64
	}{
		{"Display P3", "p3", 8, transform.JPEG, 14},
		{"Display P3 AVIF", "p3", 8, transform.AVIF, 14},
		{"Display P3, 16 bits", "p3", 16, transform.PNG, 14},
		{"CMYK", "cmyk", 8, transform.JPEG, outOfGamut},
	} {
		t.Run(c.name, func(t *testing.T) {
			buf, src := encoded(t, inProfile(t, c.profile, c.depth), c.format)
			raw := decoded(t, buf)
			if !raw.HasICCProfile() {
				t.Fatal("the source of this test has no profile")
			}
			if p := must(raw.Getpoint(20, 12, nil))(t); p[0] > 190 && p[0] < 210 && p[1] > 30 && p[1] < 50 {
				t.Fatalf("the source's numbers mean the same in sRGB: %v", p)
			}
			for _, text := range []string{"w_40,f_png", "f_png", "w_40,f_webp", "w_40,f_jpg,q_95"} {
				wantQuarters(t, rendered(t, buf, src, text), [4]int{0, 1, 2, 3}, c.tolerance)
			}
		})
	}
}

func TestCMYKWithoutProfileIsConverted(t *testing.T) {
	img := inProfile(t, "cmyk", 8)
	if err := img.RemoveICCProfile(); err != nil {
		t.Fatal(err)
	}
	buf, src := encoded(t, img, transform.JPEG)
	wantQuarters(t, rendered(t, buf, src, "w_40,f_png"), [4]int{0, 1, 2, 3}, outOfGamut)
}

// brokenProfile replaces the profile in an ICC-carrying JPEG by bytes that are none, keeping every length.
func brokenProfile(t testing.TB, buf []byte) []byte {
	profile, ok := decoded(t, buf).GetICCProfile()
	if !ok {
		t.Fatal("no profile")
	}
	return replaced(t, buf, profile, make([]byte, len(profile)))
}

// The upload does not do in place of a larger result when its colours need a profile, which answers do not carry.
func TestColouredUploadsAreConvertedAtAnySize(t *testing.T) {
	for profile, want := range map[string]error{"p3": nil, "": edge.ErrNotSmaller} {
		img := quartered(t, 80, 48, 3)
		if profile != "" {
			img = inProfile(t, profile, 8)
		}
		buf, src := encoded(t, img, transform.PNG)
		spec := must(transform.Parse("f_auto:png"))(t).Settle(src, transform.Accept{})
		if _, err := (Job{Source: src, Spec: spec, Clean: 1}).Render(buf); err != want {
			t.Errorf("profile %q: %v, want %v", profile, err, want)
		}
	}
}

func TestBrokenProfileIsAsNone(t *testing.T) {
	img := inProfile(t, "srgb", 8)
	buf, src := encoded(t, img, transform.JPEG)
	wantQuarters(t, rendered(t, brokenProfile(t, buf), src, "w_40,f_png"), [4]int{0, 1, 2, 3}, 12)
}

func TestSixteenBitsAndGrey(t *testing.T) {
	img := quartered(t, 80, 48, 3)
	if err := img.Colourspace(vips.InterpretationRgb16, nil); err != nil {
		t.Fatal(err)
	}
	buf, src := encoded16(t, img)
	for _, to := range everyFormat {
		wantQuarters(t, rendered(t, buf, src, "w_40,q_95,f_"+to.String()), [4]int{0, 1, 2, 3}, 14)
	}
	if err := img.Colourspace(vips.InterpretationGrey16, nil); err != nil {
		t.Fatal(err)
	}
	buf, src = encoded16(t, img)
	out := rendered(t, buf, src, "w_40,f_png")
	if out.Bands() != 1 || out.BandFormat() != vips.BandFormatUchar {
		t.Fatalf("%d bands of %v, want one of 8 bits", out.Bands(), out.BandFormat())
	}
	wantColour(t, out, 30, 18, quarters[3], 3)
}

func encoded16(t testing.TB, img *vips.Image) ([]byte, transform.Source) {
	body := must(img.PngsaveBuffer(&vips.PngsaveBufferOptions{Bitdepth: 16, Compression: 1}))(t)
	return body, transform.Source{Format: transform.PNG, Width: img.Width(), Height: img.Height(), Frames: 1}
}

func TestGrayKeepsAlpha(t *testing.T) {
	img := quartered(t, 80, 48, 4)
	buf, src := encoded(t, img, transform.PNG)
	out := rendered(t, buf, src, "gr_1,f_png")
	if out.Bands() != 2 || !out.HasAlpha() {
		t.Fatalf("%d bands, want grey and alpha", out.Bands())
	}
	r := must(rendered(t, buf, src, "gr_1,f_webp").Getpoint(10, 10, nil))(t)
	if r[0] != r[1] || r[1] != r[2] {
		t.Fatalf("pixel %v is not grey", r)
	}
}
