package report

import (
	"fmt"
	"io"
	"strings"
)

// Table shows one metric: a row a peer, a column a case.
type Table struct {
	Title    string
	Note     string
	Scenario string
	Metric   string
	Unit     string
	Cases    []string
	Peers    []string // the first is the one that ratios are of
	Ratios   bool     // show the first peer's figure divided by each other's
}

// Sheet is a table of words.
type Sheet struct {
	Title, Note string
	Head        []string
	Rows        [][]string
}

// Failure is a rival that could not be measured, or not in one case.
type Failure struct{ Scenario, Case, Peer, Why string }

// Doc is a whole report.
type Doc struct {
	Title    string
	Machine  [][2]string // facts: name and value
	Versions [][2]string
	Settings []string // how things were measured
	Checks   []string // that the measurement itself is sound
	Verdicts []Verdict
	Tables   []Table
	Sheets   []Sheet
	Plots    []Plot
	Failures []Failure
	Figures  *Figures
	Files    map[string][]byte // to lie beside the report
}

// Markdown writes the report.
func (d *Doc) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", d.Title)
	b.WriteString("Medians over the rounds, with the least and the greatest value. Ratios are formed within each round, in\n" +
		"which everybody is measured in shuffled order, and the median is taken of those.\n\n## Goals\n\n")
	b.WriteString(GoalTable(d.Verdicts))
	for _, t := range d.Tables {
		b.WriteString("\n" + d.table(t))
	}
	for _, p := range d.Plots {
		fmt.Fprintf(&b, "\n![%s](%s.svg)\n", p.Title, p.File)
	}
	b.WriteString(d.failures())
	list(&b, "Checks", d.Checks)
	list(&b, "How it was measured", d.Settings)
	for _, s := range d.Sheets {
		b.WriteString("\n" + s.markdown())
	}
	facts(&b, "Machine", d.Machine)
	facts(&b, "Versions", d.Versions)
	_, err := io.WriteString(w, b.String())
	return err
}

// GoalTable is every goal with what was measured.
func GoalTable(verdicts []Verdict) string {
	var b strings.Builder
	b.WriteString("| goal | promised | measured | |\n|---|---|---|---|\n")
	for _, v := range verdicts {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", v.Name, v.Promise(), v.Figures(), v.Word())
	}
	return b.String()
}

func (d *Doc) table(t Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n", t.Title)
	if t.Note != "" {
		b.WriteString(t.Note + "\n\n")
	}
	fmt.Fprintf(&b, "| %s |", t.Unit)
	for _, c := range t.Cases {
		fmt.Fprintf(&b, " %s |", c)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(t.Cases)) + "\n")
	for _, peer := range t.Peers {
		fmt.Fprintf(&b, "| %s |", peer)
		for _, c := range t.Cases {
			fmt.Fprintf(&b, " %s |", d.cell(t, c, peer))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (s Sheet) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n\n| %s |\n|%s\n", s.Title, s.Note, strings.Join(s.Head, " | "), strings.Repeat("---|", len(s.Head)))
	for _, row := range s.Rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	return b.String()
}

// cell is «median (min–max)», and the ratio of the first peer to this one.
func (d *Doc) cell(t Table, c, peer string) string {
	k := Key{t.Scenario, c, peer, t.Metric}
	s, ok := d.Figures.Spread(k)
	if !ok {
		return d.absent(t.Scenario, c, peer)
	}
	text := fmt.Sprintf("%s (%s–%s)", number(s.Median), number(s.Min), number(s.Max))
	if !t.Ratios || peer == t.Peers[0] {
		return text
	}
	if r, ok := d.Figures.Ratio(Key{t.Scenario, c, t.Peers[0], t.Metric}, k); ok {
		text += fmt.Sprintf("<br>%s×", number(r.Median))
	}
	return text
}

// absent tells what failed from what was not to be measured.
func (d *Doc) absent(scenario, c, peer string) string {
	for _, f := range d.Failures {
		if f.Scenario == scenario && f.Peer == peer && (f.Case == "" || f.Case == c) {
			return "failed"
		}
	}
	return "–"
}

func (d *Doc) failures() string {
	if len(d.Failures) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n## Failed\n\n| scenario | case | who | why |\n|---|---|---|---|\n")
	for _, f := range d.Failures {
		why := strings.Join(strings.Fields(strings.ReplaceAll(f.Why, "|", "\\|")), " ")
		fmt.Fprintf(&b, "| %s | %s | %s | %.300s |\n", f.Scenario, f.Case, f.Peer, why)
	}
	return b.String()
}

func list(b *strings.Builder, title string, lines []string) {
	fmt.Fprintf(b, "\n## %s\n\n", title)
	for _, line := range lines {
		fmt.Fprintf(b, "- %s\n", line)
	}
}

func facts(b *strings.Builder, title string, pairs [][2]string) {
	fmt.Fprintf(b, "\n## %s\n\n| | |\n|---|---|\n", title)
	for _, p := range pairs {
		fmt.Fprintf(b, "| %s | %s |\n", p[0], p[1])
	}
}
