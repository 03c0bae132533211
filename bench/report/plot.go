package report

import (
	"fmt"
	"image/color"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Plot is a drawing: bars or lines.
type Plot struct {
	File   string // without extension
	Title  string
	X, Y   string   // labels of the axes
	Groups []string // names of the places 0, 1, 2, … on the X axis; none: X is a number
	Bars   bool
	LogY   bool
	Series []Series
}

// Series is what belongs to one peer.
type Series struct {
	Name   string
	Points []Point
	Dashed bool
	Colour int // series of one peer share it
}

// Point is a value with its spread; without one, Low and High are the value.
type Point struct{ X, Y, Low, High float64 }

// FromTable plots a table: a place on the X axis a case, a series a peer.
func FromTable(t Table, f *Figures, file string) Plot {
	p := Plot{File: file, Title: t.Title, Y: t.Unit, Groups: t.Cases}
	for i, peer := range t.Peers {
		s := Series{Name: peer, Colour: i}
		for x, c := range t.Cases {
			if v, ok := f.Spread(Key{t.Scenario, c, peer, t.Metric}); ok {
				s.Points = append(s.Points, Point{float64(x), v.Median, v.Min, v.Max})
			}
		}
		if len(s.Points) > 0 {
			p.Series = append(p.Series, s)
		}
	}
	return p
}

// Size of a plot.
const (
	plotWidth  = 22 * vg.Centimeter
	plotHeight = 12 * vg.Centimeter
)

// palette can be told apart with any colour vision, also in print (Okabe and Ito).
var palette = []color.Color{
	color.RGBA{0xd5, 0x5e, 0x00, 0xff}, color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0x00, 0x9e, 0x73, 0xff},
	color.RGBA{0xcc, 0x79, 0xa7, 0xff}, color.RGBA{0x56, 0xb4, 0xe9, 0xff}, color.RGBA{0xe6, 0x9f, 0x00, 0xff},
	color.RGBA{0x55, 0x55, 0x55, 0xff},
}

// save draws the plot as SVG and PNG.
func (p *Plot) save(folder string) error {
	canvas, err := p.draw()
	if err != nil {
		return fmt.Errorf("plot %s: %w", p.File, err)
	}
	for _, extension := range []string{".svg", ".png"} {
		if err := canvas.Save(plotWidth, plotHeight, filepath.Join(folder, p.File+extension)); err != nil {
			return fmt.Errorf("plot %s: %w", p.File, err)
		}
	}
	return nil
}

func (p *Plot) draw() (*plot.Plot, error) {
	canvas := plot.New()
	canvas.BackgroundColor = color.White
	p.label(canvas)
	canvas.Add(plotter.NewGrid())
	for i, s := range p.Series {
		add := p.line
		if p.Bars {
			add = p.bars
		}
		if err := add(canvas, i, s); err != nil {
			return nil, err
		}
	}
	if len(p.Groups) == 0 {
		canvas.X.Tick.Marker = wholeTicks{}
	}
	if p.LogY {
		canvas.Y.Scale, canvas.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	} else {
		canvas.Y.Min = 0
	}
	if len(p.Groups) > 0 {
		canvas.NominalX(p.Groups...)
		canvas.X.Min, canvas.X.Max = -0.5, float64(len(p.Groups))-0.5
	}
	canvas.X.Max += 0.22 * (canvas.X.Max - canvas.X.Min) // room for the legend
	return canvas, nil
}

// wholeTicks are the library's, written without decimals.
type wholeTicks struct{ plot.DefaultTicks }

func (t wholeTicks) Ticks(low, high float64) []plot.Tick {
	ticks := t.DefaultTicks.Ticks(low, high)
	for i := range ticks {
		if ticks[i].Label != "" {
			ticks[i].Label = fmt.Sprintf("%.0f", ticks[i].Value)
		}
	}
	return ticks
}

func (p *Plot) label(canvas *plot.Plot) {
	sans := func(style *text.Style, size vg.Length) {
		style.Font = font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size)
	}
	canvas.Title.Text, canvas.X.Label.Text, canvas.Y.Label.Text = p.Title, p.X, p.Y
	canvas.Title.Padding = vg.Points(8)
	sans(&canvas.Title.TextStyle, 13)
	sans(&canvas.X.Label.TextStyle, 11)
	sans(&canvas.Y.Label.TextStyle, 11)
	sans(&canvas.X.Tick.Label, 10)
	sans(&canvas.Y.Tick.Label, 10)
	sans(&canvas.Legend.TextStyle, 10)
	canvas.Legend.Top = true
	canvas.Legend.Padding = vg.Points(2)
}

func (s Series) colour() color.Color { return palette[s.Colour%len(palette)] }

// bars draws the i-th bar of each group, with its spread.
func (p *Plot) bars(canvas *plot.Plot, i int, s Series) error {
	width := 0.8 / float64(len(p.Series))
	var shifted []Point
	for _, point := range s.Points {
		left := point.X - 0.4 + float64(i)*width
		bar, err := plotter.NewPolygon(plotter.XYs{{X: left, Y: 0}, {X: left, Y: point.Y}, {X: left + 0.9*width, Y: point.Y},
			{X: left + 0.9*width, Y: 0}})
		if err != nil {
			return err
		}
		bar.Color, bar.LineStyle.Width = s.colour(), 0
		canvas.Add(bar)
		if len(shifted) == 0 {
			canvas.Legend.Add(s.Name, bar)
		}
		point.X = left + 0.45*width
		shifted = append(shifted, point)
	}
	return addSpread(canvas, shifted, color.Black)
}

func (p *Plot) line(canvas *plot.Plot, _ int, s Series) error {
	var xys plotter.XYs
	for _, point := range s.Points {
		xys = append(xys, plotter.XY{X: point.X, Y: point.Y})
	}
	line, err := plotter.NewLine(xys)
	if err != nil {
		return err
	}
	line.Color, line.Width = s.colour(), vg.Points(1.6)
	if s.Dashed {
		line.Dashes = []vg.Length{vg.Points(5), vg.Points(3)}
	}
	canvas.Add(line)
	canvas.Legend.Add(s.Name, line)
	if len(s.Points) > 40 { // a curve, not single measurements
		return nil
	}
	dots, err := plotter.NewScatter(xys)
	if err != nil {
		return err
	}
	dots.Color, dots.Shape, dots.Radius = s.colour(), draw.CircleGlyph{}, vg.Points(2.5)
	canvas.Add(dots)
	return addSpread(canvas, s.Points, s.colour())
}

// spreads is what the library draws error bars from.
type spreads struct {
	plotter.XYs
	plotter.YErrors
}

func addSpread(canvas *plot.Plot, points []Point, c color.Color) error {
	var s spreads
	for _, p := range points {
		s.XYs = append(s.XYs, plotter.XY{X: p.X, Y: p.Y})
		s.YErrors = append(s.YErrors, struct{ Low, High float64 }{p.Y - p.Low, p.High - p.Y})
	}
	marks, err := plotter.NewYErrorBars(s)
	if err != nil {
		return err
	}
	marks.Color = c
	canvas.Add(marks)
	return nil
}
