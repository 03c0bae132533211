package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"
	"time"

	"github.com/pictor/pictor/bench/client"
	"github.com/pictor/pictor/bench/picture"
)

// Files made to hurt are refused quickly, and the edge lives on.
func TestHostileUploads(t *testing.T) {
	s := start(t, 1)
	c := signIn(t, s)
	jpeg, png, gif := picture.JPEG(picture.Photo(64, 48, 1)), picture.PNG(picture.Photo(64, 48, 1)), picture.GIF(64, 48, 3)
	for name, file := range map[string]struct {
		filename string
		content  []byte
		statuses []int
	}{
		"65500×65500 JPEG":       {"a.jpg", hugeJPEG(jpeg), []int{413}},
		"50000×50000 1-bit PNG":  {"a.png", hugePNG(), []int{413}},
		"10 000 frames of 16 MP": {"a.gif", hugeGIF(), []int{413}},
		"HTML named .jpg":        {"a.jpg", []byte("<!doctype html><script>alert(1)</script>"), []int{415}},
		"PDF named .jpg":         {"a.jpg", []byte("%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"), []int{415}},
		"SVG":                    {"a.svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`), []int{415}},
		"empty":                  {"a.jpg", nil, []int{400, 415}},
		"half a JPEG":            {"a.jpg", jpeg[:len(jpeg)/2], []int{400}},
		"half a PNG":             {"a.png", png[:len(png)/2], []int{400}},
		"half a GIF":             {"a.gif", gif[:len(gif)/2], []int{400}},
		"a JPEG's first bytes":   {"a.jpg", jpeg[:3], []int{400, 415}},
	} {
		began := time.Now()
		_, err := c.Upload(context.Background(), file.filename, file.content, nil)
		took := time.Since(began)
		refused, ok := errors.AsType[*client.StatusError](err)
		if !ok || !contains(file.statuses, refused.Status) || took > slowest {
			t.Errorf("%s: %v after %s, want one of %v", name, err, took, file.statuses)
		}
	}
	// The structure is whole, the pixels are not: it may come in, and its delivery says so.
	damaged := bytes.Clone(jpeg)
	for i := len(damaged) / 2; i < len(damaged)-2; i++ {
		if damaged[i] != 0xff && damaged[i-1] != 0xff {
			damaged[i] = byte(i*7) & 0x7f
		}
	}
	if a, err := c.Upload(context.Background(), "d.jpg", damaged, map[string]string{"public_id": "damaged"}); err == nil {
		if resp, body := get(t, s.Edges[0].URL+"/v1/image/w_20/"+a.PublicID); resp.StatusCode != 422 && resp.StatusCode != 200 {
			t.Errorf("damaged pixels: %d %s", resp.StatusCode, body)
		}
	}
	upload(t, c, "ok.jpg", jpeg, map[string]string{"public_id": "ok"})
	if resp, body := get(t, s.Edges[0].URL+"/v1/image/w_20/ok"); resp.StatusCode != 200 {
		t.Errorf("the edge after all that: %d %s", resp.StatusCode, body)
	}
}

func contains(all []int, one int) bool {
	for _, n := range all {
		if n == one {
			return true
		}
	}
	return false
}

// hugeJPEG says of itself to be 65500×65500.
func hugeJPEG(jpeg []byte) []byte {
	out := bytes.Clone(jpeg)
	sof := bytes.Index(out, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(out[sof+5:], 65500)
	binary.BigEndian.PutUint16(out[sof+7:], 65500)
	return out
}

// hugePNG has a header of 50000×50000 pixels of one bit.
func hugePNG() []byte {
	out := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, data []byte) {
		out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
		body := append([]byte(kind), data...)
		out = append(out, body...)
		out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(body))
	}
	chunk("IHDR", []byte{0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50, 1, 0, 0, 0, 0})
	chunk("IDAT", []byte{0x78, 0x9c, 0x03, 0, 0, 0, 0, 1})
	chunk("IEND", nil)
	return out
}

// hugeGIF has 10 000 frames of 4000×4000 pixels, each of a few bytes.
func hugeGIF() []byte {
	out := []byte("GIF89a\xa0\x0f\xa0\x0f\x80\x00\x00\x00\x00\x00\xff\xff\xff")
	frame := []byte("\x2c\x00\x00\x00\x00\xa0\x0f\xa0\x0f\x00\x02\x02\x44\x01\x00")
	for range 10_000 {
		out = append(out, frame...)
	}
	return append(out, 0x3b)
}
