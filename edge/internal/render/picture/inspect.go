package picture

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"

	"github.com/bbrks/go-blurhash"
	"go.n16f.net/thumbhash"

	"github.com/pictor/pictor/shared/transform"
)

// facts is the answer to f_json. Sizes are those of the upright picture.
type facts struct {
	Width         int      `json:"width"`
	Height        int      `json:"height"`
	Format        string   `json:"format"`
	MediaType     string   `json:"media_type"`
	Bytes         int64    `json:"bytes"` // as uploaded
	Frames        int      `json:"frames"`
	HasAlpha      bool     `json:"has_alpha"`
	Orientation   int      `json:"orientation"`    // EXIF, 1 to 8
	DominantColor *string  `json:"dominant_color"` // null when nothing is visible
	Palette       []string `json:"palette"`        // at most five, the most frequent first
	BlurHash      string   `json:"blurhash"`
	ThumbHash     string   `json:"thumbhash"` // base64
}

// inspect says what the picture is; the layout has made it small.
func (r *render) inspect(f *frame) ([]byte, error) {
	img, err := f.image()
	if err != nil {
		return nil, err
	}
	switch r.spec.Format {
	case transform.BlurHash:
		text, err := r.blurHash(img)
		return []byte(text), err
	case transform.ThumbHash:
		return []byte(thumbHash(img)), nil
	}
	return r.facts(img)
}

func (r *render) facts(img *image.NRGBA) ([]byte, error) {
	width, height := r.src.Upright()
	blur, err := r.blurHash(img)
	if err != nil {
		return nil, err
	}
	all := facts{Width: width, Height: height, Format: r.src.Format.String(), MediaType: r.src.Format.MediaType(),
		Bytes: r.bytes, Frames: max(1, r.src.Frames), HasAlpha: r.src.Alpha, Orientation: max(1, r.src.Orientation),
		Palette: []string{}, BlurHash: blur, ThumbHash: thumbHash(img)}
	for _, c := range palette(img, 5) {
		all.Palette = append(all.Palette, fmt.Sprintf("#%02x%02x%02x", c[0], c[1], c[2]))
	}
	if len(all.Palette) > 0 {
		all.DominantColor = &all.Palette[0]
	}
	body, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	return append(body, '\n'), nil
}

// blurHash has four components along the longer side and three along the other. It knows no transparency.
func (r *render) blurHash(img *image.NRGBA) (string, error) {
	size := img.Bounds().Size()
	across, down := 4, 3
	if size.Y > size.X {
		across, down = 3, 4
	}
	text, err := blurhash.Encode(across, down, r.onGround(img))
	if err != nil {
		return "", fmt.Errorf("inspect: %w", err)
	}
	return text, nil
}

func thumbHash(img image.Image) string {
	return base64.StdEncoding.EncodeToString(thumbhash.EncodeImage(img))
}

// onGround is the picture on the background.
func (r *render) onGround(img *image.NRGBA) *image.NRGBA {
	ground := r.opaque()
	flat := image.NewNRGBA(img.Bounds())
	for i := 0; i < len(img.Pix); i += 4 {
		alpha := float64(img.Pix[i+3]) / 255
		for c := range 3 {
			flat.Pix[i+c] = clamped(float64(img.Pix[i+c])*alpha + ground[c]*(1-alpha))
		}
		flat.Pix[i+3] = 255
	}
	return flat
}

// image gives the pixels to Go.
func (f *frame) image() (*image.NRGBA, error) {
	data, err := f.WriteToMemory()
	if err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	p := pixels{data, f.size(), f.Bands(), f.HasAlpha()}
	img := image.NewNRGBA(image.Rect(0, 0, p.Width, p.Height))
	for i, at := 0, 0; i < len(img.Pix); i, at = i+4, at+p.bands {
		pixel, last := p.data[at:at+p.bands], p.colours()-1
		img.Pix[i], img.Pix[i+1], img.Pix[i+2], img.Pix[i+3] = pixel[0], pixel[min(1, last)], pixel[last], 255
		if p.alpha {
			img.Pix[i+3] = pixel[last+1]
		}
	}
	return img, nil
}
