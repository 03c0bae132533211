package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Write puts report.md, its plots, its files and figures.json into a folder.
func (d *Doc) Write(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	var text bytes.Buffer
	if err := d.Markdown(&text); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "report.md"), text.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	for _, p := range d.Plots {
		if err := p.save(folder); err != nil {
			return err
		}
	}
	for name, content := range d.Files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
	}
	return d.writeFigures(filepath.Join(folder, "figures.json"))
}

// writeFigures writes a value a line, so that versions of the file can be compared.
func (d *Doc) writeFigures(file string) error {
	var text bytes.Buffer
	text.WriteString("[")
	for i, s := range d.Figures.Samples() {
		line, err := json.Marshal(s)
		if err != nil {
			return err
		}
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteByte('\n')
		text.Write(line)
	}
	text.WriteString("\n]\n")
	return os.WriteFile(file, text.Bytes(), 0o644)
}

// The markers between which Summarize writes.
const (
	summaryFrom = "<!-- bench -->"
	summaryTo   = "<!-- /bench -->"
)

// Summarize replaces what stands between the markers of a file with the goals and a link to the folder of the report.
func (d *Doc) Summarize(file, folder string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(text, []byte(summaryFrom))
	_, after, okTo := bytes.Cut(rest, []byte(summaryTo))
	if !ok || !okTo {
		return fmt.Errorf("summarize in %s: %w", file, errors.New("the markers «bench» are not there"))
	}
	link, err := filepath.Rel(filepath.Dir(file), filepath.Join(folder, "report.md"))
	if err != nil {
		return fmt.Errorf("summarize in %s: %w", file, err)
	}
	summary := fmt.Sprintf("%s\n\n[%s](%s), ratios and times with their range over the rounds:\n\n%s\n%s", summaryFrom, d.Title,
		filepath.ToSlash(link), GoalTable(d.Verdicts), summaryTo)
	return os.WriteFile(file, slices.Concat(before, []byte(summary), after), 0o644)
}
