package scenario

import (
	"bytes"
	"context"
	"image/jpeg"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/bench/peers"
	"github.com/pictor/pictor/bench/picture"
	"github.com/pictor/pictor/bench/report"
)

// A goal about a figure that no scenario takes would be «not measured» for ever.
func TestGoalsAreAboutWhatIsMeasured(t *testing.T) {
	h := &hits{Bench: &Bench{}}
	tables := slices.Concat([]report.Table{diskTable, memoryTable, rungsTable, h.latencyTable("p99")}, hitTables, renderTables, onceTables, pageTables,
		floodTables)
	for _, g := range Goals {
		if (g.AtLeast == 0) == (g.AtMost == 0) || g.Name == "" || len(g.Per) == 0 && g.Unit == "" {
			t.Errorf("%+v promises nothing, or two things", g)
		}
		for _, k := range append([]report.Key{g.Of}, g.Per...) {
			measured := slices.ContainsFunc(tables, func(t report.Table) bool {
				return t.Scenario == k.Scenario && t.Metric == k.Metric && slices.Contains(t.Cases, k.Case) && slices.Contains(t.Peers, k.Peer)
			})
			if !measured {
				t.Errorf("%s: nobody measures %+v", g.Name, k)
			}
		}
	}
}

func TestJobsOfAKindAreDistinct(t *testing.T) {
	sources := []string{"a", "b"}
	for _, k := range append(slices.Clone(kinds), mixedKinds...) {
		seen := map[peers.Job]bool{}
		i := 0
		for ; ; i++ {
			j, ok := k.nth(i, sources)
			if !ok {
				break
			}
			if seen[j] {
				t.Fatalf("%s: job %d is one of the earlier: %+v", k.name, i, j)
			}
			if j.Format != k.job.Format || j.Width < k.job.Width*9/10 || j.Height < k.job.Height*9/10 || j.Quality < k.job.Quality-8 {
				t.Fatalf("%s: job %d is of another kind: %+v", k.name, i, j)
			}
			seen[j] = true
		}
		if i < 30*8*len(sources) {
			t.Errorf("%s has only %d jobs", k.name, i)
		}
	}
}

func TestJobsOfTheFloodAreDistinct(t *testing.T) {
	for name, nth := range map[string]func(int) peers.Job{"thumbnail": nthThumbnail, "poster": nthPoster} {
		seen := map[peers.Job]bool{}
		for i := range 2000 {
			j := nth(i)
			if seen[j] || j.Source != name || j.Width < 200 || j.Height < 90 || j.Quality < 40 {
				t.Fatalf("%s %d is odd, or one of the earlier: %+v", name, i, j)
			}
			seen[j] = true
		}
	}
}

func TestPagesAskInTheirOrder(t *testing.T) {
	var sources []string
	for i := range pagePhotos {
		sources = append(sources, strconv.Itoa(i))
	}
	for _, c := range pageCases {
		seen := map[peers.Job]bool{}
		for i, j := range c.jobs(sources) {
			want := sources[i/12]
			if c.bySize {
				want = sources[i%12]
			}
			if seen[j] || j.Source != want || j.Effort != c.effort || j.Quality != 80 {
				t.Errorf("%s, job %d: %+v", c.name, i, j)
			}
			seen[j] = true
		}
		if len(seen) != 144 {
			t.Errorf("%s: %d jobs, want 144", c.name, len(seen))
		}
	}
}

func TestWorstOfTheRungs(t *testing.T) {
	worst := worstRungs([]byte("=== RUN   TestRungsAreFaithful\n    rungs_test.go:142: line art: 0.9995\n" +
		"    rungs_test.go:139: skin from pixels of 1.22 times the size: SSIM 0.8911\n    rungs_test.go:142: skin: 0.8911\n" +
		"    rungs_test.go:142: a.jpg: 1.0000\n    rungs_test.go:142: b: c.jpg: 0.9922\n--- FAIL: TestRungsAreFaithful (34.17s)\nFAIL\n"))
	want := map[string]worstRung{rungsHard: {"skin", 0.8911, 2}, rungsPhotos: {"b: c.jpg", 0.9922, 2}}
	if !maps.Equal(worst, want) {
		t.Errorf("%+v, want %+v", worst, want)
	}
	if none := worstRungs([]byte("testing: warning: no tests to run\nPASS\n")); len(none) != 0 {
		t.Errorf("%+v of nothing", none)
	}
}

func TestQuantiles(t *testing.T) {
	var sorted []time.Duration
	for i := range 200 {
		sorted = append(sorted, time.Duration(i+1)*time.Millisecond)
	}
	if p50, p99 := quantile(sorted, "p50"), quantile(sorted, "p99"); p50 != 100 || p99 != 198 {
		t.Errorf("%v and %v", p50, p99)
	}
}

// The size of a picture grows with its width.
func TestWidthForASize(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, rest, _ := strings.Cut(r.URL.Path, "w_")
		number, _, _ := strings.Cut(rest, ",")
		width, err := strconv.Atoi(number)
		if err != nil || width > 2000 {
			http.Error(w, "odd width", http.StatusBadRequest)
			return
		}
		w.Write(make([]byte, width*width/4))
	}))
	defer server.Close()
	for _, size := range []int{10_000, 100_000, 300_000} {
		width, err := widthFor(context.Background(), server.URL, "x", size)
		if err != nil {
			t.Error(err)
		}
		if got := width * width / 4; got < size*9/10 || got > size*11/10 {
			t.Errorf("%d bytes for %d", got, size)
		}
	}
	if width, err := widthFor(context.Background(), server.URL, "x", 100<<20); err == nil {
		t.Errorf("width %d for what cannot be", width)
	}
}

func TestOrderIsShuffledByTheSeed(t *testing.T) {
	list := []int{1, 2, 3, 4, 5, 6, 7, 8}
	orders := map[uint64][][]int{}
	for _, seed := range []uint64{1, 1, 2} {
		b := &Bench{Seed: seed, Rounds: 3}
		var all []int
		b.rounds(func(_ int, order *rand.Rand) { all = append(all, shuffled(order, list)...) })
		orders[seed] = append(orders[seed], all)
	}
	if !slices.Equal(orders[1][0], orders[1][1]) || slices.Equal(orders[1][0], orders[2][0]) {
		t.Errorf("the seed does not decide: %v", orders)
	}
	if first := orders[1][0]; slices.Equal(first[:8], first[8:16]) || slices.Equal(first[:8], list) {
		t.Errorf("rounds are not shuffled: %v", first)
	}
	if !slices.Equal(list, []int{1, 2, 3, 4, 5, 6, 7, 8}) {
		t.Error("the list itself was shuffled")
	}
}

// Where rounds take longer than planned there are fewer, but one at least, and the report tells.
func TestRoundsEndWithTheTime(t *testing.T) {
	for budget, want := range map[time.Duration]int{time.Nanosecond: 1, 100 * time.Millisecond: 2, time.Hour: 4, 0: 4} {
		b := &Bench{Rounds: 4, Log: new(strings.Builder)}
		made := 0
		s := Scenario{Name: "s", Full: budget, Run: func(context.Context, *Bench) error {
			b.rounds(func(int, *rand.Rand) {
				made++
				time.Sleep(40 * time.Millisecond)
			})
			return nil
		}}
		if err := s.Measure(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if made > want || made == 0 || budget != 100*time.Millisecond && made != want || len(b.Checks) > 0 != (made < b.Rounds) {
			t.Errorf("%s: %d rounds, want %d: %v", budget, made, want, b.Checks)
		}
	}
}

// What is interrupted fails in many ways, none of which is anybody's fault.
func TestNothingFailsAfterTheEnd(t *testing.T) {
	cut := make(chan struct{})
	b := &Bench{Log: new(strings.Builder), Cut: cut}
	b.Fail("hit", "varnish", context.Canceled)
	close(cut)
	b.Fail("hit", "nginx", context.Canceled)
	if len(b.Failed) != 1 {
		t.Errorf("%+v", b.Failed)
	}
}

func TestMemoryIsJudgedByMeansEarlyAndLate(t *testing.T) {
	r := &renders{Bench: &Bench{}}
	var curve []report.Point
	for made := range memoryAll {
		mb := 100.0
		switch {
		case made == 700:
			mb = 900 // a short peak
		case made > 1000:
			mb = 120
		}
		curve = append(curve, report.Point{X: float64(made), Y: mb})
	}
	r.judge(edgeName, curve)
	for c, want := range map[string]float64{"peak": 900, "after 200": 100, "at the end": 120} {
		if got, ok := r.Figures.Spread(memoryKey(c)); !ok || got.Median != want {
			t.Errorf("%s is %v, want %v", c, got.Median, want)
		}
	}
}

func TestRateIsThatBetweenBeginningAndEnd(t *testing.T) {
	begun := time.Now()
	var done []time.Time
	for i := range 4 { // the first few take long
		done = append(done, begun.Add(10*time.Second+time.Duration(i)))
	}
	for i := range 20 {
		done = append(done, begun.Add(10*time.Second+time.Duration(i+1)*100*time.Millisecond))
	}
	if got := steadyRate(done); got < 9.99 || got > 10.01 {
		t.Errorf("%v a second, want 10", got)
	}
}

func TestCommentsMakeOtherFilesOfTheSamePicture(t *testing.T) {
	photo := picture.JPEG(picture.Photo(40, 30, 1))
	a, b := withComment(photo, "once-1"), withComment(photo, "once-2")
	if bytes.Equal(a, b) || bytes.Equal(a, photo) {
		t.Error("the files are the same")
	}
	want, err := jpeg.Decode(bytes.NewReader(photo))
	if err != nil {
		t.Fatal(err)
	}
	got, err := jpeg.Decode(bytes.NewReader(a))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("another picture, %v", err)
	}
}

func TestFailuresAreKeptOnce(t *testing.T) {
	b := &Bench{Log: new(strings.Builder)}
	for range 2 {
		b.Fail("hit", "varnish", context.Canceled)
	}
	b.Fail("disk", "varnish", context.Canceled)
	if len(b.Failed) != 2 {
		t.Errorf("%+v", b.Failed)
	}
}
