package mutate

import (
	"encoding/binary"
	"image"
	"image/color"
)

// BMP is the picture as a file of 24 bits, whole: the standard library has no encoder. Its width is a multiple of four.
func BMP(img image.Image) []byte {
	size := img.Bounds().Size()
	out := append([]byte("BM"), make([]byte, 52)...)
	binary.LittleEndian.PutUint32(out[2:], uint32(54+3*size.X*size.Y))
	binary.LittleEndian.PutUint32(out[10:], 54)
	binary.LittleEndian.PutUint32(out[14:], 40)
	binary.LittleEndian.PutUint32(out[18:], uint32(size.X))
	binary.LittleEndian.PutUint32(out[22:], uint32(size.Y))
	binary.LittleEndian.PutUint32(out[26:], 24<<16|1)
	for y := size.Y - 1; y >= 0; y-- {
		for x := range size.X {
			p := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
			out = append(out, p.B, p.G, p.R)
		}
	}
	return out
}
