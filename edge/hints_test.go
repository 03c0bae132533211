package edge_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/delivery"
)

func TestClientHints(t *testing.T) {
	const auto = "/v1/image/f_auto,w_200/photo"
	for _, c := range []struct {
		target string
		hints  []string // name, value
		want   string   // the Spec that is rendered
	}{
		{auto, nil, "f_jpg,w_200"},
		{auto, []string{"Sec-CH-DPR", "2"}, "f_jpg,w_400"},
		{auto, []string{"Sec-CH-DPR", "1.2"}, "f_jpg,w_300"},
		{auto, []string{"Sec-CH-DPR", "17"}, "f_jpg,w_600"},
		{auto, []string{"Sec-CH-DPR", "0.5"}, "f_jpg,w_200"},
		{auto, []string{"Sec-CH-DPR", "NaN"}, "f_jpg,w_200"},
		{auto, []string{"Sec-CH-DPR", "-2"}, "f_jpg,w_200"},
		{"/v1/image/dpr_2,f_auto,w_200/photo", []string{"Sec-CH-DPR", "3"}, "f_jpg,w_400"},
		{"/v1/image/c_fill,f_auto,h_100,w_200/photo", []string{"Sec-CH-DPR", "2"}, "c_fill,f_jpg,h_200,w_400"},
		{"/v1/image/f_auto,w_2000,c_scale,h_2000/photo", []string{"Sec-CH-DPR", "3"}, "c_scale,f_jpg,h_2000,w_2000"},
		{auto, []string{"Sec-CH-Width", "90"}, "f_jpg,w_100"},
		{auto, []string{"Sec-CH-Width", "900"}, "f_jpg,w_200"},
		{auto, []string{"Sec-CH-Width", "0"}, "f_jpg,w_200"},
		{auto, []string{"Sec-CH-Width", "x"}, "f_jpg,w_200"},
		{auto, []string{"Sec-CH-DPR", "2", "Sec-CH-Width", "300"}, "f_jpg,w_300"},
		{auto, []string{"Save-Data", "on"}, "f_jpg,q_50,w_200"},
		{"/v1/image/f_auto,q_30,w_200/photo", []string{"Save-Data", "on"}, "f_jpg,q_30,w_200"},
		{"/v1/image/f_jpg,w_200/photo", []string{"Sec-CH-DPR", "2", "Save-Data", "on"}, "f_jpg,w_200"},
	} {
		w := newWorld(t)
		w.add("photo", picture, nil)
		w.remake(edge.Policy{ClientHints: true})
		for range 2 { // with what the first one left in memory
			if got := w.get(c.target, c.hints...); got.body != "rendered "+c.want {
				t.Errorf("%s %v: %q, want %s", c.target, c.hints, got.body, c.want)
			}
		}
	}
}

func TestClientHintsInHeaders(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	hinted := []string{"Sec-CH-DPR", "2", "Save-Data", "on"}
	off := w.get("/v1/image/f_auto,w_200/photo", hinted...)
	if off.body != "rendered f_jpg,w_200" || off.Header.Get("Vary") != "Accept" || off.Header.Get("Accept-CH") != "" {
		t.Errorf("switched off: %q %v", off.body, off.Header)
	}
	w.remake(edge.Policy{ClientHints: true})
	for _, headers := range [][]string{nil, hinted, nil, hinted, {"If-None-Match", "*"}, {"Range", "bytes=9999-"}} {
		got := w.get("/v1/image/f_auto,w_200/photo", headers...)
		if !strings.Contains(got.Header.Get("Vary"), "Sec-CH-DPR") || got.StatusCode < 400 && got.Header.Get("Accept-CH") == "" {
			t.Errorf("%v: %d %v", headers, got.StatusCode, got.Header)
		}
	}
	signed := w.get(delivery.SignCloud(w.keys, "photo", "f_auto,w_200", now.Add(time.Hour)), hinted...)
	if signed.body != "rendered f_jpg,w_200" || signed.Header.Get("Vary") != "Accept" {
		t.Errorf("signed: %q %v", signed.body, signed.Header)
	}
	if plain := w.get("/v1/image/w_200/photo", hinted...); plain.Header.Get("Vary") != "" {
		t.Errorf("nothing is negotiated: %v", plain.Header)
	}
}
