package scenario

import (
	"fmt"
	"image"
	"path/filepath"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/bench/picture"
)

// pagePhotos are the originals of a page, as cameras make them; a quick run takes a few.
var pagePhotos = []struct {
	size        image.Point
	progressive bool
	quick       bool
}{
	{size: image.Pt(4000, 3000), quick: true}, {size: image.Pt(5184, 3456)}, {size: image.Pt(3000, 4000), progressive: true},
	{size: image.Pt(6000, 4000), quick: true}, {size: image.Pt(4608, 3456)}, {size: image.Pt(4272, 2848)},
	{size: image.Pt(4928, 3264), progressive: true, quick: true}, {size: image.Pt(3456, 4608)}, {size: image.Pt(5472, 3648)},
	{size: image.Pt(4032, 3024)}, {size: image.Pt(4000, 6000)}, {size: image.Pt(5616, 3744), progressive: true},
}

// findPage takes the user's photographs, twelve at most, or paints some.
func (p *page) findPage() error {
	if p.Photos != "" {
		files, err := filepath.Glob(filepath.Join(p.Photos, "*.jpg"))
		for i, file := range files[:min(len(files), len(pagePhotos))] {
			p.addPhoto(fmt.Sprintf("page-%d", i), file)
		}
		return err
	}
	for i, photo := range pagePhotos {
		if p.Quick && !photo.quick {
			continue
		}
		err := p.paint(fmt.Sprintf("page-%d", i), func() []byte { return camera(photo.size, photo.progressive, uint64(200+i)) })
		if err != nil {
			return err
		}
	}
	return nil
}

// camera makes a photograph as a file.
func camera(size image.Point, progressive bool, seed uint64) []byte {
	photo := picture.JPEG(picture.Photo(size.X, size.Y, seed))
	if !progressive {
		return photo
	}
	img, err := vips.NewJpegloadBuffer(photo, nil)
	if err != nil {
		panic(err) // it was just made
	}
	defer img.Close()
	photo, err = img.JpegsaveBuffer(&vips.JpegsaveBufferOptions{Q: 90, OptimizeCoding: true, Interlace: true})
	if err != nil {
		panic(err)
	}
	return photo
}
