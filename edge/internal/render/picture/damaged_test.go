package picture

import (
	"bytes"
	"strings"
	"testing"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/transform"
)

// replaced swaps one run of bytes for another of the same length.
func replaced(t testing.TB, buf, old, with []byte) []byte {
	if bytes.Count(buf, old) != 1 {
		t.Fatalf("the bytes to replace occur %d times", bytes.Count(buf, old))
	}
	return bytes.Replace(buf, old, with, 1)
}

func wantDamaged(t *testing.T, buf []byte, src transform.Source) {
	t.Helper()
	spec := transform.Spec{Width: 20, Crop: transform.CropFit, Format: transform.PNG}
	body, err := renderFile(buf, src, spec)
	if edge.KindOf(err) != edge.Damaged {
		t.Fatalf("%d bytes, error %v, want Damaged", len(body), err)
	}
}

func TestDamagedSources(t *testing.T) {
	for _, format := range everyFormat {
		t.Run(format.String(), func(t *testing.T) {
			buf, src := encoded(t, quartered(t, 120, 90, 3), format)
			t.Run("cut short", func(t *testing.T) { wantDamaged(t, buf[:len(buf)/2], src) })
			t.Run("empty", func(t *testing.T) { wantDamaged(t, nil, src) })
			t.Run("another format", func(t *testing.T) {
				wrong := src
				wrong.Format = everyFormat[(int(format-transform.JPEG)+1)%len(everyFormat)]
				wantDamaged(t, buf, wrong)
			})
			t.Run("another size", func(t *testing.T) {
				wrong := src
				wrong.Width += 8
				wantDamaged(t, buf, wrong)
			})
		})
	}
}

func TestMoreFramesThanDeclared(t *testing.T) {
	buf, src := animated(t, transform.GIF, 30, 20)
	src.Frames = 2
	_, err := renderFile(buf, src, transform.Spec{Format: transform.GIF})
	if edge.KindOf(err) != edge.Damaged {
		t.Fatalf("error %v, want Damaged", err)
	}
}

func TestSourceOverTheLimitIsNotOpened(t *testing.T) {
	buf, src := encoded(t, quartered(t, 10, 10, 3), transform.PNG)
	src.Width, src.Height = 50_000, 50_000
	wantDamaged(t, buf, src)
	buf, src = animated(t, transform.GIF, 30, 20)
	src.Width, src.Height, src.Frames = 4000, 4000, 10_000
	_, err := renderFile(buf, src, transform.Spec{Format: transform.GIF})
	if edge.KindOf(err) != edge.Damaged || !strings.Contains(err.Error(), "10000 frames are more than allowed") {
		t.Fatalf("error %v", err)
	}
}
