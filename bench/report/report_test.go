package report

import (
	"bytes"
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func key(c, peer string) Key { return Key{"hit", c, peer, "rate"} }

// figures adds a value a round, from round 0; a negative one was not measured.
func figures(values map[Key][]float64) *Figures {
	f := &Figures{}
	for k, rounds := range values {
		for round, v := range rounds {
			if v >= 0 {
				f.Add(k, round, v)
			}
		}
	}
	return f
}

func TestSpread(t *testing.T) {
	a, b := key("x", "a"), key("x", "b")
	f := figures(map[Key][]float64{a: {30, 10, 20}, b: {4, 1, 3, 2}})
	for k, want := range map[Key]Spread{a: {20, 10, 30}, b: {2.5, 1, 4}} {
		if got, ok := f.Spread(k); !ok || got != want {
			t.Errorf("%v is %v %v, want %v", k, got, ok, want)
		}
	}
	if got, ok := f.Spread(key("x", "nobody")); ok {
		t.Errorf("nobody has %v", got)
	}
}

// The machine was ten times slower in the second round; each round by itself says the same.
func TestRatiosArePaired(t *testing.T) {
	a, b := key("x", "a"), key("x", "b")
	f := figures(map[Key][]float64{a: {90, 9, 91}, b: {100, 10, 100}})
	got, ok := f.Ratio(a, b)
	if !ok || got != (Spread{0.9, 0.9, 0.91}) {
		t.Errorf("%v %v", got, ok)
	}
}

func TestRatiosTakeTheBestRivalOfEachRound(t *testing.T) {
	a, b, c := key("x", "a"), key("x", "b"), key("x", "c")
	f := figures(map[Key][]float64{a: {10, 10, 10}, b: {10, 20, -1}, c: {5, 40, 10}})
	if got, ok := f.Ratio(a, b, c); !ok || got != (Spread{0.625, 0.25, 1}) { // the third round has no b
		t.Errorf("%v %v", got, ok)
	}
	if got, ok := f.Ratio(a); ok {
		t.Errorf("divided by nobody: %v", got)
	}
	if got, ok := f.Ratio(a, key("x", "nobody")); ok {
		t.Errorf("divided by what was not measured: %v", got)
	}
}

func TestGoals(t *testing.T) {
	a, b := key("x", "a"), key("x", "b")
	f := figures(map[Key][]float64{a: {90, 80, 85}, b: {100, 100, 100}})
	for _, c := range []struct {
		goal                     Goal
		promise, measured, words string
	}{
		{Goal{Of: a, Per: []Key{b}, AtLeast: 0.85}, "≥ 0.85×", "0.85× (0.80–0.90)", "met"},
		{Goal{Of: a, Per: []Key{b}, AtLeast: 0.86}, "≥ 0.86×", "0.85× (0.80–0.90)", "**not met**"},
		{Goal{Of: a, Per: []Key{b}, AtMost: 0.85}, "≤ 0.85×", "0.85× (0.80–0.90)", "met"},
		{Goal{Of: a, Per: []Key{b}, AtMost: 0.84}, "≤ 0.84×", "0.85× (0.80–0.90)", "**not met**"},
		{Goal{Of: a, AtMost: 90, Unit: "ms"}, "≤ 90.0 ms", "85.0 ms (80.0–90.0)", "met"},
		{Goal{Of: a, AtMost: 90, Unit: "ms", Decimals: 3}, "≤ 90.000 ms", "85.000 ms (80.000–90.000)", "met"},
		{Goal{Of: key("y", "a"), AtMost: 90, Unit: "ms"}, "≤ 90.0 ms", "not measured", "not measured"},
		{Goal{Of: a, Per: []Key{key("y", "a")}, AtLeast: 1}, "≥ 1.00×", "not measured", "not measured"},
	} {
		v := Judge([]Goal{c.goal}, f)[0]
		if v.Promise() != c.promise || v.Figures() != c.measured || v.Word() != c.words || v.Met() != (c.words == "met") {
			t.Errorf("%+v: %s, %s, %s", c.goal, v.Promise(), v.Figures(), v.Word())
		}
	}
}

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{0.123: "0.12", 9.994: "9.99", 9.996: "10.0", 99.96: "100", 1234: "1234",
		9994: "9994", 9996: "10.0 k", 93_480: "93.5 k", 123_456: "123 k"} {
		if got := number(x); got != want {
			t.Errorf("%v is %s, want %s", x, got, want)
		}
	}
}

func doc() *Doc {
	f := figures(map[Key][]float64{key("10 KB", "pictor"): {90, 80}, key("10 KB", "nginx"): {100, 100}})
	table := Table{Title: "Hits", Scenario: "hit", Metric: "rate", Unit: "answers/s", Cases: []string{"10 KB", "1 MB"},
		Peers: []string{"pictor", "nginx", "varnish", "other"}, Ratios: true}
	bars := FromTable(table, f, "bars")
	bars.Bars = true
	lines := Plot{File: "lines", LogY: true, X: "%", Series: []Series{{Name: "p99", Points: []Point{{1, 2, 1, 3}, {2, 20, 20, 20}}},
		{Name: "p50", Dashed: true, Points: []Point{{1, 1, 1, 1}, {2, 2, 2, 2}}}}}
	return &Doc{Title: "T", Tables: []Table{table}, Plots: []Plot{bars, lines}, Figures: f,
		Verdicts: Judge([]Goal{{Name: "fast", Of: key("10 KB", "pictor"), Per: []Key{key("10 KB", "nginx")}, AtLeast: 0.5}}, f),
		Failures: []Failure{{"hit", "", "varnish", "it | did\nnot start"}, {"hit", "1 MB", "nginx", "slow"}}, Checks: []string{"checked"}}
}

func TestMarkdown(t *testing.T) {
	var out bytes.Buffer
	if err := doc().Markdown(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| fast | ≥ 0.50× | 0.85× (0.80–0.90) | met |",
		"| answers/s | 10 KB | 1 MB |\n|---|---|---|",
		"| pictor | 85.0 (80.0–90.0) | – |",
		"| nginx | 100 (100–100)<br>0.85× | failed |",
		"| varnish | failed | failed |",
		"| other | – | – |",
		"| hit |  | varnish | it \\| did not start |",
		"](bars.svg)", "- checked",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
}

func TestWriteKeepsEveryFigureAndDraws(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "new")
	d := doc()
	if err := d.Write(folder); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, "figures.json"))
	if err != nil {
		t.Fatal(err)
	}
	var samples []Sample
	if err := json.Unmarshal(text, &samples); err != nil {
		t.Fatal(err)
	}
	read := &Figures{}
	for _, s := range samples {
		read.Add(s.Key, s.Round, s.Value)
	}
	for _, peer := range []string{"pictor", "nginx"} {
		want, _ := d.Figures.Spread(key("10 KB", peer))
		if got, ok := read.Spread(key("10 KB", peer)); !ok || got != want {
			t.Errorf("%s is %v when read again, want %v", peer, got, want)
		}
	}
	for _, plot := range d.Plots {
		drawing, err := os.Open(filepath.Join(folder, plot.File+".png"))
		if err != nil {
			t.Fatal(err)
		}
		defer drawing.Close()
		if _, err := png.Decode(drawing); err != nil {
			t.Errorf("%s: %v", plot.File, err)
		}
		svg, err := os.ReadFile(filepath.Join(folder, plot.File+".svg"))
		if err != nil || !bytes.Contains(svg, []byte("<svg")) || !bytes.Contains(svg, []byte(plot.Series[0].Name)) {
			t.Errorf("%s.svg: %v, or without its legend", plot.File, err)
		}
	}
}

func TestSummarizeReplacesWhatStandsBetweenTheMarkers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "README.md")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n")
	for range 2 { // a second time changes nothing
		if err := doc().Summarize(file, filepath.Join(filepath.Dir(file), "bench", "day")); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := "before\n<!-- bench -->\n\n[T](bench/day/report.md), ratios and times with their range over the rounds:\n\n" + GoalTable(doc().Verdicts) + "\n<!-- /bench -->\nafter\n"
		if string(text) != want {
			t.Fatalf("%s", text)
		}
	}
	for _, broken := range []string{"no markers", "<!-- bench --> and no end"} {
		write(broken)
		if err := doc().Summarize(file, filepath.Join(filepath.Dir(file), "bench", "day")); err == nil {
			t.Errorf("%q was taken", broken)
		}
		if text, _ := os.ReadFile(file); string(text) != broken {
			t.Errorf("%q became %q", broken, text)
		}
	}
}
