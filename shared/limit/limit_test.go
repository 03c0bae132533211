package limit_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pictor/pictor/shared/limit"
)

func TestParse(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got, err := limit.Parse(text)
		if err != nil || got.String() != want {
			t.Errorf("%q: %v %v, want %s", text, got, err, want)
		}
		var again struct{ R limit.Rate }
		encoded, _ := json.Marshal(struct{ R limit.Rate }{got})
		if err := json.Unmarshal(encoded, &again); err != nil || again.R != got {
			t.Errorf("%s: %v %v", encoded, again.R, err)
		}
	}
	f("off", "off")
	f("20/m", "20/m")
	f("5/15m", "5/15m")
	f("1000/60s", "1000/m")
	f("1/h", "1/h")
	f("7/90s", "7/90s")
	f("1000000/s", "1000000/s")
	for _, text := range []string{"", "20", "20/", "/m", "0/m", "-1/m", "+1/m", "01/m", "1/0m", "1/01m", "1/d", "1000001/s", "1/m ", "OFF", "1/m/m"} {
		if got, err := limit.Parse(text); err == nil {
			t.Errorf("%q is taken as %v", text, got)
		}
	}
}

func TestTake(t *testing.T) {
	rate, start := limit.Rate{Count: 3, Per: 30 * time.Second}, time.Unix(1_000_000, 0)
	var mark limit.Mark
	f := func(after time.Duration, remaining int, reset, wait time.Duration) {
		t.Helper()
		var pace limit.Pace
		mark, pace = rate.Take(mark, start.Add(after))
		want := limit.Pace{Rate: rate, Remaining: remaining, Reset: start.Add(reset), Wait: wait}
		if !pace.Reset.Equal(want.Reset) || pace.Remaining != remaining || pace.Wait != wait || pace.Refused() != (wait > 0) {
			t.Errorf("after %v: got %+v, want %+v", after, pace, want)
		}
	}
	f(0, 2, 10*time.Second, 0)
	f(0, 1, 20*time.Second, 0)
	f(0, 0, 30*time.Second, 0)
	f(0, 0, 30*time.Second, 10*time.Second)
	f(4*time.Second, 0, 30*time.Second, 6*time.Second)
	f(10*time.Second, 0, 40*time.Second, 0)
	f(10*time.Second, 0, 40*time.Second, 10*time.Second)
	f(time.Hour, 2, time.Hour+10*time.Second, 0)
	mark = rate.Give(mark)
	f(time.Hour, 2, time.Hour+10*time.Second, 0)
}

// Whatever a client tries, it gets no more than Count at once and the rate over time.
func TestTakeKeepsTheRate(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 5))
	for range 500 {
		rate := limit.Rate{Count: 1 + rnd.IntN(20), Per: time.Duration(1+rnd.IntN(100)) * time.Second}
		start := time.Unix(1_000_000, 0)
		now, allowed := start, 0
		var mark limit.Mark
		for range 200 {
			now = now.Add(time.Duration(rnd.Int64N(int64(rate.Per / 4))))
			var pace limit.Pace
			if mark, pace = rate.Take(mark, now); !pace.Refused() {
				allowed++
			}
			if most := rate.Count + int(now.Sub(start)/rate.Interval()); allowed > most {
				t.Fatalf("%v: %d events in %v, allowed are %d", rate, allowed, now.Sub(start), most)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"off", "20/m", "5/15m", "0/s", "9/9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rate, err := limit.Parse(text)
		if err != nil {
			return
		}
		if again, err := limit.Parse(rate.String()); err != nil || again != rate {
			t.Errorf("%q → %v → %v %v", text, rate, again, err)
		}
	})
}
