package transform

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"w_400":                          "w_400",
		"h_300,w_400":                    "h_300,w_400",
		"w_400,h_300":                    "h_300,w_400",
		"w_400,h_400,c_fill,q_80,f_webp": "c_fill,f_webp,h_400,q_80,w_400",
		"w_200,dpr_2":                    "w_400",
		"dpr_1.5,w_100,h_50":             "h_75,w_150",
		"dpr_1.50,w_100":                 "w_150",
		"dpr_2.0,w_100":                  "w_200",
		"c_cover,w_4":                    "c_fill,w_4",
		"c_fit,w_4":                      "w_4",
		"c_inside,h_4":                   "c_inside,h_4",
		"f_jpeg":                         "f_jpg",
		"f_auto,w_1":                     "f_auto,w_1",
		"r_-90":                          "r_270",
		"r_360":                          "",
		"r_0":                            "",
		"r_-12.5,bg_FF0080":              "bg_ff0080,r_347.5",
		"bl_0.3":                         "bl_0.3",
		"bl_25":                          "bl_25",
		"gr_1,bl_4":                      "bl_4,gr_1",
		"w_4000,h_4000":                  "h_4000,w_4000",
		"dpr_3":                          "",
		"c_fill":                         "", // a crop without a box changes nothing
		"q_1":                            "q_1",
		"q_100,bg_000000,c_contain,w_10": "bg_000000,c_contain,q_100,w_10",
		"c_outside,w_10,h_20,r_45,gr_1":  "c_outside,gr_1,h_20,r_45,w_10",
		"c_thumb,w_10,h_20,r_180,f_avif": "c_fill,f_avif,g_auto,h_20,r_180,w_10",
		"c_thumb,w_10,g_north":           "c_fill,g_north,w_10",
		"c_thumb,w_10,g_center":          "c_fill,w_10",
		"c_fill,w_10,g_auto":             "c_fill,g_auto,w_10",
		"w_10,g_auto":                    "w_10", // nothing is cut off
		"g_north":                        "",
		"g_xy_0.5_0.50,ar_2:1":           "ar_2:1,c_fill",
		"g_xy_0_1,ar_2:1":                "ar_2:1,c_fill,g_southwest",
		"g_xy_0.25_1.000,ar_4:2":         "ar_2:1,c_fill,g_xy_0.25_1",
		"ar_16:9,w_160":                  "h_90,w_160",
		"ar_16:9,h_90,c_fill":            "c_fill,h_90,w_160",
		"ar_3:2,w_100,dpr_2":             "h_133,w_200",
		"ar_32:18,c_inside":              "ar_16:9,c_fill",
		"ar_1:2,c_contain":               "ar_1:2,c_contain",
		"c_scale,w_9,h_4":                "c_scale,h_4,w_9",
		"c_crop,w_9,h_4":                 "c_crop,h_4,w_9",
		"c_crop,w_9,h_4,g_entropy":       "c_crop,g_entropy,h_4,w_9",
		"c_crop,w_9,x_5,g_north":         "c_crop,w_9,x_5,y_0",
		"c_crop,w_9,y_5,dpr_2":           "c_crop,w_18,x_0,y_10",
		"c_crop,ar_1:1,x_4":              "ar_1:1,c_crop,x_4,y_0",
		"c_crop,ar_1:1":                  "ar_1:1,c_fill",
		"c_crop":                         "",
		"x_4,y_5,w_3":                    "w_3", // corners belong to areas
		"fl_h":                           "fl_h",
		"fl_v":                           "fl_h,r_180",
		"fl_hv":                          "r_180",
		"fl_v,r_90":                      "fl_h,r_270",
		"fl_hv,r_180":                    "",
		"fl_v,r_45":                      "fl_v,r_45",
		"fl_hv,r_45":                     "fl_hv,r_45",
		"sh_1.50":                        "sh_1.5",
		"sh_0":                           "",
		"br_-100,co_100,sa_-5":           "br_-100,co_100,sa_-5",
		"br_0,co_0,sa_0":                 "",
		"gr_1,sa_50":                     "gr_1",
		"px_1":                           "",
		"px_4,dpr_2":                     "px_8",
		"tr_99":                          "tr_99",
		"rd_max":                         "rd_max",
		"rd_2000":                        "rd_max",
		"rd_1999":                        "rd_1999",
		"rd_20,dpr_1.5":                  "rd_30",
		"pad_20,dpr_2":                   "pad_40",
		"an_0":                           "pg_1",
		"an_0,pg_3":                      "pg_3",
		"lin_1":                          "lin_1",
		"f_auto:jpeg":                    "f_auto:jpg",
		"ov_brand:my-logo.v2":            "ov_brand:my-logo.v2",
		"ov_brand:logo,oo_100,ox_5":      "ov_brand:logo,ox_5",
		"ov_a,og_south,oy_5,oo_7,dpr_2":  "og_south,oo_7,ov_a,oy_10",
		"og_east,ox_5,oy_5,oo_50":        "", // of nothing
		"bl_0.333,f_gif":                 "bl_0.333,f_gif",
		"r_359.99":                       "r_359.99",
	} {
		spec, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := spec.String(); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, key := range map[string]string{
		"w_0": "w", "w_4001": "w", "w_0400": "w", "w_+4": "w", "w_-4": "w", "w_4.0": "w", "w_": "w", "w_1e2": "w",
		"w_４": "w", "w_ 4": "w", "w_4 ": "w", "h_0": "h", "h_99999999999999999999": "h",
		"dpr_0.9": "dpr", "dpr_3.01": "dpr", "dpr_1e1": "dpr", "dpr_NaN": "dpr", "dpr_.5": "dpr", "dpr_2.": "dpr",
		"dpr_01": "dpr", "dpr_1.234": "dpr", "w_2000,dpr_2.5": "dpr",
		"q_0": "q", "q_101": "q", "q_NaN": "q", "q_80.5": "q", "q_0x50": "q",
		"f_svg": "f", "f_JPG": "f", "f_": "f", "c_pad": "c", "c_": "c", "c_Fill": "c",
		"gr_0": "gr", "gr_true": "gr", "bl_0.29": "bl", "bl_25.001": "bl", "bl_-1": "bl", "bl_Inf": "bl",
		"r_361": "r", "r_-360.01": "r", "r_-0": "r", "r_--1": "r", "r_+1": "r", "r_-": "r",
		"bg_fff": "bg", "bg_gggggg": "bg", "bg_+fffff": "bg", "bg_ff_fff": "bg", "bg_0xffff": "bg",
		"g_middle": "g", "g_xy": "g", "g_xy_1": "g", "g_xy_1.1_0": "g", "g_xy_0_0_0": "g", "g_xy_-1_0": "g", "g_": "g",
		"ar_0:1": "ar", "ar_1": "ar", "ar_1:": "ar", "ar_1.5:1": "ar", "ar_16:9:4": "ar", "ar_10000:1": "ar",
		"ar_1:1,w_4,h_4": "ar", "ar_1:9,w_2000": "ar", "ar_01:1": "ar",
		"x_-1": "x", "y_65536": "y", "x_65535,c_crop,dpr_3": "dpr", "fl_x": "fl", "fl_vh": "fl", "fl_": "fl",
		"sh_10.01": "sh", "sh_-1": "sh", "sh_0.001": "sh",
		"br_-101": "br", "co_101": "co", "sa_-0": "sa", "sa_1.5": "sa", "br_+1": "br", "br_": "br", "br_-": "br", "co_007": "co",
		"px_0": "px", "px_1001": "px", "px_600,dpr_2": "dpr", "tr_0": "tr", "tr_100": "tr", "rd_0": "rd", "rd_4001": "rd",
		"rd_Max": "rd", "pad_0": "pad", "pad_1001": "pad", "pad_1000,dpr_1.1": "dpr", "pg_0": "pg", "pg_10001": "pg",
		"an_1": "an", "an_": "an", "lin_0": "lin", "f_jxl": "f", "f_auto:": "f", "f_auto:auto": "f", "f_auto:json": "f",
		"ov_": "ov", "ov_a::b": "ov", "ov_.a": "ov", "ov_a:.b": "ov", "ov_a:": "ov", "ov_a%2f": "ov", "ov_ä": "ov",
		"ov_a,og_auto": "og", "ov_a,og_xy_0_1": "og", "ox_4001": "ox", "oy_-1": "oy", "ov_a,ox_3000,dpr_2": "dpr", "oo_0": "oo",
		"w_1,w_1": "w", "w_1,w_2": "w", "w_1,zz_2": "zz", "zz_2": "zz", "W_1": "W", "_1": "",
	} {
		_, err := Parse(text)
		bad, ok := errors.AsType[*Error](err)
		if !ok || bad.Key != key {
			t.Errorf("%s: got %v, want an error that names %q", text, err, key)
			continue
		}
		if !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %q does not name %q", text, err, key)
		}
	}
	for _, text := range []string{"", ",", "w_1,", ",w_1", "w", "w400", "w_1,,h_1"} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%q: accepted", text)
		}
	}
}

// Everything the documentation gives as an example is read, and every key has one.
func TestExamples(t *testing.T) {
	for _, k := range keys {
		if _, err := Parse(k.Example); err != nil {
			t.Errorf("%s (%s): %v", k.Name, k.Meaning, err)
		}
		if name, known := KeyOf(k.Example); !known || name != k.Name {
			t.Errorf("KeyOf(%s) = %s, %v", k.Example, name, known)
		}
		if k.Values == "" {
			t.Errorf("%s says nothing of its range", k.Name)
		}
	}
}

// What the documentation says of the range is what the parser takes: its ends, each name, and nothing beyond.
func TestRanges(t *testing.T) {
	span := regexp.MustCompile(`^(-?[0-9.]+) – (-?[0-9.]+)\b`)
	for _, k := range keys {
		for _, values := range strings.Split(k.Values, " · ") {
			ends := span.FindStringSubmatch(values)
			switch {
			case k.Name == "bg" || k.Name == "ov" || strings.ContainsAny(values, ":–") && ends == nil:
				continue // words, or several numbers
			case ends == nil:
				wantTaken(t, k.Name, values, true)
				continue
			}
			for i, beyond := range []float64{-0.1, 0.1} {
				wantTaken(t, k.Name, ends[1+i], true)
				end, err := strconv.ParseFloat(ends[1+i], 64)
				if err != nil {
					t.Fatal(err)
				}
				wantTaken(t, k.Name, strconv.FormatFloat(end+beyond, 'f', -1, 64), false)
				wantTaken(t, k.Name, strconv.FormatFloat(end+10*beyond, 'f', -1, 64), false)
			}
		}
	}
}

func wantTaken(t *testing.T, key, value string, want bool) {
	t.Helper()
	if _, err := Parse(key + "_" + value); (err == nil) != want {
		t.Errorf("%s_%s: %v, but the documentation says otherwise", key, value, err)
	}
}

func TestReserved(t *testing.T) {
	for segment, want := range map[string]bool{"w_400": true, "w_x": true, "ar_16": true, "ov_x": true, "t_x": true, "t_name": true, "my_photos": false,
		"photo": false, "w": false, "hero_1": false} {
		if got := Reserved(segment); got != want {
			t.Errorf("%s: got %v", segment, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"w_400,h_300", "dpr_1.5,w_3", "r_-12.5,bg_ff0080", "bl_0.3,gr_1", "w_0400", "q_NaN",
		"c_fill,f_auto", "w_1,w_1", "r_-0", "ar_16:9,g_xy_0.1_1", "c_crop,x_1,y_2,w_3,h_4,dpr_2", "fl_v,r_90", "c_thumb,w_9,sh_0.5", "an_0,br_-5,co_5", "rd_max,pad_9", "tr_5,px_4,lin_1", "f_auto:avif,q_5", "ov_a:b,og_east,ox_1,oy_2,oo_3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		spec, err := Parse(text)
		if err != nil {
			if !spec.IsZero() {
				t.Fatalf("%q: error with a Spec", text)
			}
			return
		}
		if spec.Width > MaxSide || spec.Height > MaxSide || spec.Width < 0 || spec.Height < 0 ||
			spec.Width*spec.Height > MaxPixels || spec.Sigma > MaxSigma*1000 || spec.Angle < 0 || spec.Angle >= 36000 {
			t.Fatalf("%q: %+v is beyond the limits", text, spec)
		}
		if spec.IsZero() {
			return
		}
		again, err := Parse(spec.String())
		if err != nil || again != spec {
			t.Fatalf("%q → %q → %+v (%v), want %+v", text, spec.String(), again, err, spec)
		}
	})
}

func TestAutomaticQuality(t *testing.T) {
	for text, want := range map[string]string{"q_auto": "q_auto", "q_auto:good": "q_auto", "q_auto:best": "q_auto:best",
		"q_auto:eco": "q_auto:eco", "q_auto:low,w_10": "q_auto:low,w_10"} {
		spec, err := Parse(text)
		if err != nil || spec.String() != want {
			t.Errorf("%s: %q, %v", text, spec.String(), err)
		}
	}
	for _, text := range []string{"q_auto:", "q_Auto", "q_auto:worst", "q_-1", "q_0", "q_auto:good:eco"} {
		if spec, err := Parse(text); err == nil {
			t.Errorf("%s is %q", text, spec)
		}
	}
	spec, err := Parse("f_webp,q_auto")
	if err != nil {
		t.Fatal(err)
	}
	if got := spec.Settle(Source{Format: GIF, Width: 9, Height: 9, Frames: 3}, Accept{}); got.Quality != 0 {
		t.Errorf("an animation: %s", got)
	}
}
