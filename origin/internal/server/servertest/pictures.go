package servertest

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
)

// PNG makes a picture that is nothing but noise, so about 4 bytes a pixel.
func PNG(width, height int) []byte {
	var out bytes.Buffer
	if err := png.Encode(&out, noise(width, height)); err != nil {
		panic(err) // memory does not fail
	}
	return out.Bytes()
}

// GIF makes a still of one colour.
func GIF(width, height int) []byte {
	var out bytes.Buffer
	still := image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.White})
	if err := gif.Encode(&out, still, nil); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// JPEG makes a picture with the EXIF orientation, as a camera held that way would.
func JPEG(width, height int, orientation uint16) []byte {
	var out bytes.Buffer
	if err := jpeg.Encode(&out, noise(width, height), nil); err != nil {
		panic(err)
	}
	plain := out.Bytes()
	exif := []byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01")
	exif = binary.BigEndian.AppendUint16(exif, orientation)
	exif = append(exif, 0, 0, 0, 0, 0, 0)
	marker := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(exif)+2))
	return bytes.Join([][]byte{plain[:2], marker, exif, plain[2:]}, nil)
}

func noise(width, height int) image.Image {
	picture := image.NewNRGBA(image.Rect(0, 0, width, height))
	_, _ = rand.NewChaCha8([32]byte{1}).Read(picture.Pix)
	for i := 3; i < len(picture.Pix); i += 4 {
		picture.Pix[i] |= 0x80
	}
	return picture
}
