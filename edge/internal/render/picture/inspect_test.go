package picture

import (
	"encoding/base64"
	"encoding/json"
	"image"
	"math"
	"slices"
	"testing"

	"github.com/bbrks/go-blurhash"
	"go.n16f.net/thumbhash"

	"github.com/pictor/pictor/shared/transform"
)

func inspected(t testing.TB, buf []byte, src transform.Source, text string) string {
	t.Helper()
	spec := must(transform.Parse(text))(t).Settle(src, transform.Accept{})
	return string(must(renderFile(buf, src, spec))(t))
}

func TestFacts(t *testing.T) {
	buf, src := tagged(t, 6)
	body := inspected(t, buf, src, "f_json,w_10,c_crop,gr_1")
	var got facts
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if got.Width != 80 || got.Height != 48 || got.Orientation != 6 || got.Format != "jpg" || got.MediaType != "image/jpeg" ||
		got.Bytes != int64(len(buf)) || got.Frames != 1 || got.HasAlpha {
		t.Errorf("got %s", body)
	}
	if len(got.Palette) < 4 || len(got.Palette) > 5 || got.DominantColor == nil || *got.DominantColor != got.Palette[0] {
		t.Fatalf("got %s", body)
	}
	for _, quarter := range quarters {
		if !slices.ContainsFunc(got.Palette, func(hex string) bool { return near(t, hex, quarter, 30) }) {
			t.Errorf("no colour like %v in %v", quarter, got.Palette)
		}
	}
	if got.BlurHash != inspected(t, buf, src, "f_blurhash") || got.ThumbHash != inspected(t, buf, src, "f_thumbhash") {
		t.Errorf("the hashes of %s are not those that stand alone", body)
	}
}

// near compares a colour in hex with another.
func near(t testing.TB, hex string, want []byte, tolerance float64) bool {
	var n uint32
	for _, digit := range hex[1:] {
		n = n<<4 | uint32(slices.Index([]rune("0123456789abcdef"), digit))
	}
	for i, shift := range []int{16, 8, 0} {
		if math.Abs(float64(byte(n>>shift))-float64(want[i])) > tolerance {
			return false
		}
	}
	return true
}

func TestFactsOfAnimationsAndTransparency(t *testing.T) {
	buf, src := animated(t, transform.GIF, 60, 40)
	var got facts
	if err := json.Unmarshal([]byte(inspected(t, buf, src, "f_json,pg_2")), &got); err != nil {
		t.Fatal(err)
	}
	if got.Frames != 3 || len(got.Palette) != 1 || !near(t, got.Palette[0], quarters[1], 3) {
		t.Errorf("got %+v, want the second of three frames", got)
	}
	buf, src = halfClear(t)
	if err := json.Unmarshal([]byte(inspected(t, buf, src, "f_json")), &got); err != nil {
		t.Fatal(err)
	}
	if !got.HasAlpha || len(got.Palette) != 1 || !near(t, got.Palette[0], []byte{0, 200, 0}, 3) {
		t.Errorf("got %+v, want what is visible only", got)
	}
	buf, src = encoded(t, fromPixels(t, make([]byte, 400), 10, 10, 4), transform.PNG)
	got = facts{}
	if err := json.Unmarshal([]byte(inspected(t, buf, src, "f_json")), &got); err != nil {
		t.Fatal(err)
	}
	if got.DominantColor != nil || got.Palette == nil || len(got.Palette) != 0 {
		t.Errorf("got %+v of a picture with nothing to see", got)
	}
}

// What is half transparent is put on the background with the same rounding in both.
func TestHashesStandAlone(t *testing.T) {
	data := make([]byte, 0, 64*48*4)
	for i := range 64 * 48 {
		x, y := i%64, i/64
		data = append(data, byte(4*x), byte(5*y), byte(255-4*x), byte(2*x+2*y))
	}
	buf, src := encoded(t, fromPixels(t, data, 64, 48, 4), transform.PNG)
	var got facts
	if err := json.Unmarshal([]byte(inspected(t, buf, src, "f_json")), &got); err != nil {
		t.Fatal(err)
	}
	if alone := inspected(t, buf, src, "f_blurhash"); got.BlurHash != alone {
		t.Errorf("%s among the facts, %s alone", got.BlurHash, alone)
	}
}

func TestHashesShowThePicture(t *testing.T) {
	buf, src := encoded(t, quartered(t, 800, 480, 3), transform.JPEG)
	hash := inspected(t, buf, src, "f_blurhash")
	if x, y, err := blurhash.Components(hash); err != nil || x != 4 || y != 3 {
		t.Fatalf("%q has %d×%d components (%v)", hash, x, y, err)
	}
	img := must(blurhash.Decode(hash, 80, 48, 1))(t)
	thumb := must(thumbhash.DecodeImage(must(base64.StdEncoding.DecodeString(inspected(t, buf, src, "f_thumbhash")))(t)))(t)
	for i, want := range quarters {
		if i == 3 {
			break // white has no strongest colour
		}
		for name, hash := range map[string]image.Image{"blurhash": img, "thumbhash": thumb} {
			size := hash.Bounds().Size()
			r, g, b, _ := hash.At(size.X/4+i%2*size.X/2, size.Y/4+i/2*size.Y/2).RGBA()
			if max(r, g, b) != []uint32{r, g, b}[i] {
				t.Errorf("quarter %d of the %s is %v, want about %v", i, name, []uint32{r >> 8, g >> 8, b >> 8}, want)
			}
		}
	}
}

// A hash fits the variant that it stands in for, and depends on nothing else.
func TestHashesFollowTheCrop(t *testing.T) {
	buf, src := encoded(t, quartered(t, 800, 480, 3), transform.PNG)
	whole := inspected(t, buf, src, "f_blurhash")
	if got := inspected(t, buf, src, "f_blurhash,w_300,q_50,bl_3"); got != whole {
		t.Errorf("a smaller picture has the hash %s, want %s", got, whole)
	}
	if got := inspected(t, buf, src, "f_blurhash,w_300,h_300,c_fill,g_west"); got == whole {
		t.Errorf("the crop has the hash of the whole picture")
	}
	if got := inspected(t, buf, src, "f_blurhash,r_90"); got == whole {
		t.Errorf("the turned picture has the hash of the upright one")
	}
}
