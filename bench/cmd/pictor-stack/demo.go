package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math"
	"net/http"

	"github.com/pictor/pictor/bench/client"
	"github.com/pictor/pictor/bench/stack"
)

type demo struct {
	OriginPort int    `help:"Public port of the origin." default:"8080" env:"ORIGIN_PORT"`
	Data       string `help:"Folder of the running stack." default:"./data" env:"DATA" type:"path"`
	Email      string `help:"Who signs in; default is the first administrator." env:"PICTOR_ADMIN_EMAIL"`
	Password   string `help:"Their password; default is the first one." env:"PICTOR_ADMIN_PASSWORD"`
}

// shown are transforms worth a look.
var shown = []struct{ transform, what string }{
	{"", "as uploaded, private metadata removed"},
	{"w_800", "800 px wide"},
	{"w_400,h_400,c_fill,q_80,f_webp", "a square of 400 px, WebP"},
	{"w_400,h_400,c_contain,bg_1b2a41,f_png", "padded to a square"},
	{"w_600,f_auto", "the best format that the client takes"},
	{"w_600,gr_1,bl_2", "grey and soft"},
	{"w_500,r_15,f_avif", "turned by 15 degrees, AVIF"},
}

func (d *demo) Run(ctx context.Context, out io.Writer) error {
	if d.Password == "" {
		admin, ok := stack.KnownAdmin(d.Data)
		if !ok {
			return errors.New("who signs in? set PICTOR_ADMIN_EMAIL and PICTOR_ADMIN_PASSWORD")
		}
		d.Email, d.Password = admin.Email, admin.Password
	}
	c, err := client.SignIn(ctx, fmt.Sprintf("http://127.0.0.1:%d", d.OriginPort), d.Email, d.Password)
	if err != nil {
		return fmt.Errorf("%w\nis the stack running (make run)?", err)
	}
	asset, err := c.Upload(ctx, "sample.jpg", sample(1600, 1200), map[string]string{"public_id": "demo/sample",
		"overwrite": "true"})
	if err != nil {
		return err
	}
	for _, s := range shown {
		url := asset.URL
		if s.transform != "" {
			url = asset.URL[:len(asset.URL)-len(asset.PublicID)] + s.transform + "/" + asset.PublicID
		}
		if err := check(ctx, url); err != nil {
			return err
		}
		fmt.Fprintf(out, "%-40s %s\n", s.what, url)
	}
	return nil
}

// check proves that a printed URL works.
func check(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %d", url, resp.StatusCode)
	}
	return nil
}

// sample paints hills under an evening sky, as a JPEG.
func sample(width, height int) []byte {
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	w, h := float64(width), float64(height)
	for y := range height {
		for x := range width {
			m.SetRGBA(x, y, paint(float64(x)/w, float64(y)/h))
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, &jpeg.Options{Quality: 90}); err != nil {
		panic(err) // a buffer takes everything, and the size is within JPEG's limits
	}
	return out.Bytes()
}

// paint is the colour at a point of the unit square.
func paint(x, y float64) color.RGBA {
	if math.Hypot((x-0.7)*4/3, y-0.38) < 0.08 {
		return color.RGBA{255, 226, 160, 255} // the sun
	}
	for i, base := range []float64{0.55, 0.68, 0.8} {
		f := float64(i)
		ridge := base + 0.06*math.Sin(x*(7+3*f)+2*f) + 0.02*math.Sin(x*(31+7*f)+f)
		if y > ridge && (i == 2 || y < base+0.2) {
			shade := 0.75 - 0.22*f - 0.3*(y-ridge)
			return color.RGBA{uint8(90 * shade), uint8(120 * shade), uint8(170 * shade), 255}
		}
	}
	return color.RGBA{uint8(250 - 140*(1-y)), uint8(150 + 30*(1-y)), uint8(120 + 110*(1-y)), 255}
}
