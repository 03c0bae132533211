package picture

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"github.com/pictor/pictor/shared/transform"
)

// rgbSpace is a colour space by the XYZ values of its primaries, adapted to D50, and its gamma.
type rgbSpace struct {
	red, green, blue [3]float64
	gamma            float64
}

var (
	adobeRGB = rgbSpace{[3]float64{.60974, .31111, .01947}, [3]float64{.20528, .62567, .06087},
		[3]float64{.14919, .06322, .74457}, 563.0 / 256}
	proPhoto = rgbSpace{[3]float64{.79767, .28804, 0}, [3]float64{.13519, .71188, 0}, [3]float64{.03134, .00009, .82491}, 1.8}
	sRGB     = rgbSpace{[3]float64{.43607, .22249, .01392}, [3]float64{.38515, .71687, .09708},
		[3]float64{.14307, .06061, .71410}, 2.2}
)

// icc writes a profile of version 2: header, directory of tags, and the tags.
func icc(space string, tags map[string][]byte, order []string) []byte {
	be := binary.BigEndian
	var directory, body []byte
	at := 128 + 4 + 12*len(order)
	directory = be.AppendUint32(directory, uint32(len(order)))
	for _, name := range order {
		data := tags[name]
		directory = append(directory, name...)
		directory = be.AppendUint32(directory, uint32(at+len(body)))
		directory = be.AppendUint32(directory, uint32(len(data)))
		body = append(body, data...)
		for len(body)%4 != 0 {
			body = append(body, 0)
		}
	}
	header := make([]byte, 128)
	be.PutUint32(header, uint32(at+len(body)))
	header[8] = 2
	copy(header[12:], "mntr"+space+"XYZ ")
	copy(header[36:], "acsp")
	copy(header[68:], xyz([3]float64{.9642, 1, .8249})[8:])
	return append(append(header, directory...), body...)
}

func xyz(v [3]float64) []byte {
	data := append([]byte("XYZ "), 0, 0, 0, 0)
	for _, f := range v {
		data = binary.BigEndian.AppendUint32(data, uint32(int32(math.Round(f*65536))))
	}
	return data
}

func gamma(g float64) []byte {
	data := append([]byte("curv"), 0, 0, 0, 0, 0, 0, 0, 1)
	return binary.BigEndian.AppendUint16(data, uint16(math.Round(g*256)))
}

func text(kind, s string) []byte {
	data := append([]byte(kind), 0, 0, 0, 0)
	if kind == "desc" {
		data = binary.BigEndian.AppendUint32(data, uint32(len(s)+1))
		return append(append(data, s...), make([]byte, 1+4+4+2+1+67)...)
	}
	return append(append(data, s...), 0)
}

func (s rgbSpace) profile() []byte {
	curve := gamma(s.gamma)
	return icc("RGB ", map[string][]byte{"desc": text("desc", "test"), "cprt": text("text", "CC0"),
		"wtpt": xyz([3]float64{.9642, 1, .8249}), "rXYZ": xyz(s.red), "gXYZ": xyz(s.green), "bXYZ": xyz(s.blue),
		"rTRC": curve, "gTRC": curve, "bTRC": curve},
		[]string{"desc", "cprt", "wtpt", "rXYZ", "gXYZ", "bXYZ", "rTRC", "gTRC", "bTRC"})
}

// from gives the numbers in s of a colour in sRGB.
func (s rgbSpace) from(c []byte) []byte {
	var light [3]float64
	for i := range 3 {
		v := float64(c[i]) / 255
		if v <= .04045 {
			light[i] = v / 12.92
		} else {
			light[i] = math.Pow((v+.055)/1.055, 2.4)
		}
	}
	var want [3]float64
	for i := range 3 {
		want[i] = sRGB.red[i]*light[0] + sRGB.green[i]*light[1] + sRGB.blue[i]*light[2]
	}
	var out []byte
	for _, v := range solve([3][3]float64{s.red, s.green, s.blue}, want) {
		out = append(out, clamped(255*math.Pow(max(0, v), 1/s.gamma)))
	}
	return out
}

// solve finds how much of each column adds up to want (Cramer's rule).
func solve(columns [3][3]float64, want [3]float64) (v [3]float64) {
	det := func(a, b, c [3]float64) float64 {
		return a[0]*(b[1]*c[2]-b[2]*c[1]) - a[1]*(b[0]*c[2]-b[2]*c[0]) + a[2]*(b[0]*c[1]-b[1]*c[0])
	}
	all := det(columns[0], columns[1], columns[2])
	v[0] = det(want, columns[1], columns[2]) / all
	v[1] = det(columns[0], want, columns[2]) / all
	v[2] = det(columns[0], columns[1], want) / all
	return v
}

// inSpace is the scene of quartered in the numbers of the space, as a PNG with a profile.
func inSpace(t testing.TB, s rgbSpace, profile []byte) ([]byte, transform.Source) {
	var pixels []byte
	for y := range 48 {
		for x := range 80 {
			pixels = append(pixels, s.from(quarters[2*(2*y/48)+2*x/80])...)
		}
	}
	buf, src := encoded(t, fromPixels(t, pixels, 80, 48, 3), transform.PNG)
	return must(withProfile(buf, profile))(t), src
}

func TestWideSpacesAreConverted(t *testing.T) {
	for name, space := range map[string]rgbSpace{"Adobe RGB": adobeRGB, "ProPhoto": proPhoto} {
		buf, src := inSpace(t, space, space.profile())
		if p := must(decoded(t, buf).Getpoint(20, 12, nil))(t); math.Abs(p[0]-200) < 15 {
			t.Fatalf("%s: the source's numbers mean the same in sRGB: %v", name, p)
		}
		for _, text := range []string{"w_40,f_png", "f_webp,q_100", "w_40,lin_1,f_png", "tr_5,f_png"} {
			wantQuarters(t, rendered(t, buf, src, text), [4]int{0, 1, 2, 3}, 14)
		}
	}
}

// Half the light, in a profile without a curve, is 188 in sRGB.
func TestGreyProfile(t *testing.T) {
	profile := icc("GRAY", map[string][]byte{"desc": text("desc", "test"), "cprt": text("text", "CC0"),
		"wtpt": xyz([3]float64{.9642, 1, .8249}), "kTRC": gamma(1)}, []string{"desc", "cprt", "wtpt", "kTRC"})
	buf, src := encoded(t, fromPixels(t, bytes.Repeat([]byte{128}, 400), 20, 20, 1), transform.PNG)
	out := rendered(t, must(withProfile(buf, profile))(t), src, "w_10,f_png")
	wantColour(t, out, 5, 5, []byte{188, 188, 188}, 4)
}

// A profile that is cut short, is of another kind of picture, or is no profile, is as none.
func TestProfilesThatDoNotFit(t *testing.T) {
	fits := adobeRGB.profile()
	gray := icc("GRAY", map[string][]byte{"wtpt": xyz([3]float64{.9642, 1, .8249}), "kTRC": gamma(1)}, []string{"wtpt", "kTRC"})
	lost := bytes.Clone(fits)
	binary.BigEndian.PutUint32(lost[128+4+4:], 1<<30) // its first tag lies outside
	for name, profile := range map[string][]byte{"cut short": fits[:200], "grey": gray, "no profile": []byte("hello"),
		"zeros": make([]byte, 5000), "tags elsewhere": lost} {
		buf, src := encoded(t, quartered(t, 80, 48, 3), transform.PNG)
		out := rendered(t, must(withProfile(buf, profile))(t), src, "w_40,f_png")
		t.Run(name, func(t *testing.T) { wantSize(t, out, transform.Size{Width: 40, Height: 24}) })
		if name != "tags elsewhere" {
			wantQuarters(t, out, [4]int{0, 1, 2, 3}, 5)
		}
	}
}
