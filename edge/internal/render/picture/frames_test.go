package picture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"math"
	"slices"
	"testing"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/shared/transform"
)

// shot is a frame as a file stores it: a rectangle of one colour, drawn on what is there.
type shot struct {
	colour  int // one of quarters, or glass, through which one sees
	area    image.Rectangle
	delay   int // milliseconds
	dispose bool
}

const (
	glass       = 4
	movieWidth  = 48
	movieHeight = 32
)

var (
	movieSize = transform.Size{Width: movieWidth, Height: movieHeight}

	whole  = image.Rect(0, 0, movieWidth, movieHeight)
	patch  = image.Rect(4, 6, 30, 20)
	corner = image.Rect(34, 20, 48, 32)
)

// times repeats a shot.
func times(n int, s shot) []shot { return slices.Repeat([]shot{s}, n) }

// movies have frames that show what the one before them shows.
var movies = map[string][]shot{
	"two": {{0, whole, 50, false}, {0, whole, 70, false}, {1, whole, 90, false}},
	"first": slices.Concat(times(5, shot{0, whole, 40, false}),
		[]shot{{1, whole, 50, false}, {2, whole, 60, false}}),
	"last": slices.Concat([]shot{{1, whole, 50, false}, {2, whole, 60, false}},
		times(5, shot{0, whole, 40, false})),
	"all":            {{2, whole, 50, false}, {2, whole, 500, false}, {2, whole, 20, false}, {2, whole, 5000, false}},
	"nothing at all": {{glass, whole, 50, false}, {glass, whole, 60, false}, {glass, whole, 70, false}},
	"all half glass": {{0, patch, 50, false}, {0, patch, 60, false}, {glass, patch, 70, false}},
	"two and two": {{0, whole, 50, false}, {0, whole, 50, false}, {1, whole, 50, false}, {1, whole, 50, false},
		{0, whole, 50, false}, {0, whole, 50, false}},
	"patches": {{0, whole, 50, false}, {1, patch, 60, false}, {1, patch, 70, false}, {2, corner, 80, false},
		{2, corner, 90, false}, {1, patch, 100, false}},
	"glass patches": {{glass, whole, 30, false}, {1, patch, 40, false}, {glass, patch, 50, false}, {glass, corner, 60, false},
		{3, corner, 70, false}, {3, corner, 80, false}},
	// What vanishes is cheaper to dispose of than to paint over, and then a frame that is held must be disposed of.
	"disposed": {{1, patch, 50, true}, {1, patch, 60, true}, {1, patch, 70, true}, {2, corner, 80, true}, {2, corner, 90, true},
		{1, patch, 100, true}, {glass, corner, 110, false}, {glass, corner, 120, false}},
	"disposed whole": {{0, whole, 50, true}, {0, whole, 60, true}, {3, corner, 70, true}, {3, corner, 80, false}},
	"delays": {{0, whole, 0, false}, {0, whole, 10, false}, {0, whole, 20, false}, {1, whole, 0, false}, {1, whole, 0, false},
		{1, whole, 655_350, false}, {1, whole, 0, false}, {2, whole, 100, false}, {2, whole, 100, false}},
}

func gifMovie(t testing.TB, shots []shot) []byte {
	palette := color.Palette{}
	for _, q := range quarters {
		palette = append(palette, color.NRGBA{q[0], q[1], q[2], 255})
	}
	palette = append(palette, color.NRGBA{})
	movie := gif.GIF{LoopCount: 6, Config: image.Config{ColorModel: palette, Width: movieWidth, Height: movieHeight}}
	for _, s := range shots {
		img := image.NewPaletted(s.area, palette)
		copy(img.Pix, bytes.Repeat([]byte{byte(s.colour)}, len(img.Pix)))
		disposal := byte(gif.DisposalNone)
		if s.dispose {
			disposal = gif.DisposalBackground
		}
		movie.Image, movie.Delay = append(movie.Image, img), append(movie.Delay, s.delay/10)
		movie.Disposal = append(movie.Disposal, disposal)
	}
	var body bytes.Buffer
	if err := gif.EncodeAll(&body, &movie); err != nil {
		t.Fatal(err)
	}
	return body.Bytes()
}

// webpMovie stores each shot as a frame of its own, as encoders other than libwebp's do.
func webpMovie(t testing.TB, shots []shot) []byte {
	put := func(id string, data ...byte) []byte {
		return append(binary.LittleEndian.AppendUint32([]byte(id), uint32(len(data))), data...)
	}
	three := func(n int) []byte { return []byte{byte(n), byte(n >> 8), byte(n >> 16)} }
	body := []byte("WEBP")
	body = append(body, put("VP8X", slices.Concat([]byte{0x12, 0, 0, 0}, three(movieWidth-1), three(movieHeight-1))...)...)
	body = append(body, put("ANIM", 0, 0, 0, 0, 7, 0)...)
	for _, s := range shots {
		at, size := s.area.Min, s.area.Size()
		colour := append(slices.Clone(append(quarters[:], []byte{0, 0, 0})[s.colour]), 255)
		if s.colour == glass {
			colour[3] = 0
		}
		img := fromPixels(t, bytes.Repeat(colour, size.X*size.Y), size.X, size.Y, 4)
		options := vips.WebpsaveBufferOptions{Lossless: true, Exact: true, Keep: vips.KeepNone}
		picture := must(img.WebpsaveBuffer(&options))(t)[12:]
		flags := byte(0)
		if s.dispose {
			flags = 1
		}
		frame := slices.Concat(three(at.X/2), three(at.Y/2), three(size.X-1), three(size.Y-1), three(s.delay), []byte{flags},
			picture)
		body = append(body, put("ANMF", frame...)...)
	}
	return put("RIFF", body...)
}

// An animation keeps its frames, with what each shows and for how long, also those that show nothing new, which libwebp
// leaves out by itself.
func TestEveryFrameIsKept(t *testing.T) {
	for name, shots := range movies {
		bodies := map[transform.Format][]byte{transform.GIF: gifMovie(t, shots), transform.WebP: webpMovie(t, shots)}
		for from, body := range bodies {
			src := transform.Source{Format: from, Width: movieWidth, Height: movieHeight, Frames: len(shots), Alpha: true}
			for _, text := range []string{"f_gif", "f_webp", "f_webp,q_100", "w_20,h_30,c_fill,f_gif", "w_20,h_30,c_fill,f_webp",
				"c_crop,x_10,y_8,w_33,h_21,f_webp", "bg_ffffff,pad_3,r_90,f_webp"} {
				t.Run(fmt.Sprint(name, " ", from, " ", text), func(t *testing.T) { checkMovie(t, body, src, text, shots) })
			}
		}
	}
}

// Delays that together are more than WebP's 24 bits of milliseconds stay apart; GIF's are shorter.
func TestVeryLongDelays(t *testing.T) {
	const longest, longestGIF = 1<<24 - 1, 655_350
	shots := []shot{{0, whole, longest, false}, {0, whole, longest, false}, {0, whole, 9_000_000, false},
		{0, whole, 30, false}, {1, whole, 40, false}, {1, whole, longest - 40, false}, {1, whole, longest - 39, false}}
	src := transform.Source{Format: transform.WebP, Width: movieWidth, Height: movieHeight, Frames: len(shots), Alpha: true}
	body := webpMovie(t, shots)
	checkMovie(t, body, src, "w_24,f_webp", shots)
	for i := range shots {
		shots[i].delay = min(shots[i].delay, longestGIF)
	}
	checkMovie(t, body, src, "w_24,f_gif", shots)
}

func checkMovie(t *testing.T, body []byte, src transform.Source, text string, shots []shot) {
	spec := must(transform.Parse(text))(t).Settle(src, transform.Accept{})
	out := allFrames(t, must(renderFile(body, src, spec))(t))
	if out.Pages() != len(shots) {
		t.Fatalf("%d frames, want %d", out.Pages(), len(shots))
	}
	if got, want := must(out.PageDelay())(t), wantedDelays(spec.Format, shots); !slices.Equal(got, want) {
		t.Errorf("delays are %v, want %v", got, want)
	}
	if out.Loop() != 7 {
		t.Errorf("plays %d times, want 7", out.Loop())
	}
	for i := range shots {
		alone := rendered(t, body, src, fmt.Sprintf("pg_%d,%s", i+1, text))
		wantSize(t, alone, transform.Size{Width: out.Width(), Height: out.PageHeight()})
		if d := difference(t, nthFrame(t, out, i), alone); d > 6 {
			t.Errorf("frame %d differs by %.1f from what it is alone", i+1, d)
		}
	}
}

func nthFrame(t testing.TB, strip *vips.Image, i int) *vips.Image {
	img := must(strip.Copy(nil))(t)
	t.Cleanup(img.Close)
	if err := img.ExtractArea(0, i*strip.PageHeight(), strip.Width(), strip.PageHeight()); err != nil {
		t.Fatal(err)
	}
	return img
}

func wantedDelays(format transform.Format, shots []shot) (delays []int) {
	for _, s := range shots {
		if format == transform.WebP && s.delay <= 10 {
			s.delay = 100
		}
		delays = append(delays, s.delay)
	}
	return delays
}

// difference is the mean one of the values that are seen, on black and on white.
func difference(t testing.TB, a, b *vips.Image) float64 {
	x, y := append(seen(t, a, 0), seen(t, a, 255)...), append(seen(t, b, 0), seen(t, b, 255)...)
	var sum float64
	for i := range x {
		sum += math.Abs(float64(x[i]) - float64(y[i]))
	}
	return sum / float64(len(x))
}

func seen(t testing.TB, img *vips.Image, ground float64) []byte {
	on := must(img.Copy(nil))(t)
	defer on.Close()
	if on.HasAlpha() {
		if err := on.Flatten(&vips.FlattenOptions{Background: []float64{ground}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := on.Colourspace(vips.InterpretationSrgb, nil); err != nil {
		t.Fatal(err)
	}
	return must(on.WriteToMemory())(t)
}

// What is encoded a second time, better, has them too.
func TestEveryFrameIsKeptAtBest(t *testing.T) {
	body := gifMovie(t, movies["two and two"])
	src := transform.Source{Format: transform.GIF, Width: movieWidth, Height: movieHeight, Frames: 6}
	spec := must(transform.Parse("f_webp"))(t).Settle(src, transform.Accept{})
	out := allFrames(t, must(Job{Source: src, Bytes: int64(len(body)), Spec: spec, Best: true}.Render(body))(t))
	if out.Pages() != 6 {
		t.Errorf("%d frames, want 6", out.Pages())
	}
}

// The frame that is put in is the one that libwebp itself puts in where a delay gets too long.
func TestHeldFrame(t *testing.T) {
	body := withEveryFrame(mergedMovie(t, movies["two"]), movieSize, timing{[]int{50, 70, 90}, 0})
	const held = "ANMF\x20\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + "\x46\x00\x00\x00" +
		"VP8L\x08\x00\x00\x00" + "\x2f\x00\x00\x00\x10\x88\x88\x08"
	if !bytes.Contains(body, []byte(held)) {
		t.Error("there is none")
	}
	if body[20]&0x10 == 0 {
		t.Error("the file says that it is opaque")
	}
}

// What is not what libwebp makes of these delays stays as it is.
func TestStrangeBodies(t *testing.T) {
	for name, delays := range map[string][]int{"two": {50, 70, 90}, "disposed": {50, 60, 70, 80, 90, 100, 110, 120}} {
		file := mergedMovie(t, movies[name])
		if bytes.Equal(withEveryFrame(file, movieSize, timing{delays, 0}), file) {
			t.Fatalf("%s: lacks nothing", name)
		}
		longer, shorter := append(slices.Clone(delays), 10), delays[:len(delays)-1]
		for _, wrong := range [][]int{nil, {50}, delays[1:], shorter, longer, {1, 2, 3, 4}} {
			wantAsItIs(t, file, wrong)
		}
		for n := range file {
			wantAsItIs(t, file[:n], delays)
			if n >= 12 { // cut off, but the file says so
				cut := slices.Clone(file[:n])
				binary.LittleEndian.PutUint32(cut[4:], uint32(n-8))
				wantAsItIs(t, cut, delays)
			}
		}
	}
	wantAsItIs(t, []byte("RIFF\x0c\x00\x00\x00WEBPVP8 \xff\xff\xff\xff"), []int{20, 20})
	wantAsItIs(t, []byte("RIFF\x0c\x00\x00\x00WEBPANMF\x00\x00\x00\x00"), []int{20, 20})
	wantAsItIs(t, []byte("RIFF\x0c\x00\x00\x00WEBPALPH\x00\x00\x00\x00"), []int{20, 20})
	wantAsItIs(t, []byte("RIFF\x1e\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00..........ANMF\x00\x00\x00\x00"), []int{20, 20})
}

func wantAsItIs(t *testing.T, body []byte, delays []int) {
	t.Helper()
	if got := withEveryFrame(body, movieSize, timing{delays, 0}); !bytes.Equal(got, body) {
		t.Fatalf("%d bytes became %d with the delays %v", len(body), len(got), delays)
	}
}

// What comes back is the body, or a whole file with a frame for each delay.
func FuzzEveryFrame(f *testing.F) {
	for _, name := range []string{"two", "all", "disposed", "delays"} {
		var delays []byte
		for _, s := range movies[name] {
			delays = binary.LittleEndian.AppendUint16(delays, uint16(max(11, min(s.delay, math.MaxUint16))))
		}
		f.Add(webpMovie(f, movies[name]), delays)
		f.Add(mergedMovie(f, movies[name]), delays)
	}
	f.Add([]byte("RIFF\x04\x00\x00\x00WEBP"), []byte{1, 0, 2, 0})
	f.Fuzz(func(t *testing.T, body, packed []byte) {
		var delays []int
		for ; len(packed) >= 2; packed = packed[2:] {
			delays = append(delays, int(binary.LittleEndian.Uint16(packed)))
		}
		before := slices.Clone(body)
		after := withEveryFrame(body, movieSize, timing{delays, 3})
		if !bytes.Equal(before, body) {
			t.Fatal("the body was written to")
		}
		if !bytes.Equal(after, body) && !slices.Equal(durations(t, after), delays) {
			t.Fatalf("frames last %v, want %v", durations(t, after), delays)
		}
	})
}

// mergedMovie is what libwebp makes of the movie.
func mergedMovie(t testing.TB, shots []shot) []byte {
	strip := allFrames(t, webpMovie(t, shots))
	return must(strip.WebpsaveBuffer(&vips.WebpsaveBufferOptions{Q: 80, Keep: vips.KeepNone}))(t)
}

// durations reads those of an animation's frames. It insists on a file that is whole.
func durations(t testing.TB, file []byte) (all []int) {
	if len(file) < 12 || int(binary.LittleEndian.Uint32(file[4:])) != len(file)-8 {
		t.Fatalf("a file of %d bytes says otherwise", len(file))
	}
	for rest := file[12:]; len(rest) > 0; {
		length := int(binary.LittleEndian.Uint32(rest[4:]))
		if string(rest[:4]) == "ANMF" {
			all = append(all, int(binary.LittleEndian.Uint32(rest[8+12:])&0xffffff))
		}
		rest = rest[8+length+length%2:]
	}
	return all
}
