package origin_test

import (
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
)

func TestParseLimit(t *testing.T) {
	for text, want := range map[string]origin.Limit{
		"20/m": {Count: 20, Per: time.Minute}, "5/15m": {Count: 5, Per: 15 * time.Minute},
		"300/h": {Count: 300, Per: time.Hour}, "1/s": {Count: 1, Per: time.Second}, "off": {},
		"7/90s": {Count: 7, Per: 90 * time.Second}, "1000000/24h": {Count: 1000000, Per: 24 * time.Hour},
	} {
		got, err := origin.ParseLimit(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
		if got.String() != text {
			t.Errorf("%q is written %q", text, got)
		}
	}
	for _, text := range []string{"", "20", "20/", "/m", "0/m", "-1/m", "+1/m", "020/m", "20/0m", "20/-1m", "20/d", "20/mm",
		"20/m ", "OFF", "1e3/m", "20/1.5h", "1000001/m", "99999999999999999999/m", "20/99999999h", "20/m/s"} {
		if got, err := origin.ParseLimit(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
	for name, limit := range origin.DefaultLimits() {
		if got, err := origin.ParseLimit(limit.String()); err != nil || got != limit {
			t.Errorf("%s: %q reads as %+v, %v", name, limit, got, err)
		}
	}
}

func FuzzParseLimit(f *testing.F) {
	for _, seed := range []string{"20/m", "5/15m", "300/h", "off", "60/60s", "20/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		limit, err := origin.ParseLimit(text)
		if err != nil {
			return
		}
		again, err := origin.ParseLimit(limit.String())
		if err != nil || again != limit {
			t.Errorf("%q is %+v, written %q, read as %+v, %v", text, limit, limit, again, err)
		}
	})
}
