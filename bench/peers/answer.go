package peers

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
)

// Answer is what the edge said, for rivals to say the same.
type Answer struct {
	Target string // raw, with the query
	Header []Field
	Body   []byte
}

// Field is a header line.
type Field struct{ Name, Value string }

// perServer are header lines that every server writes itself.
var perServer = map[string]bool{"Date": true, "Connection": true, "Content-Length": true, "Server": true, "Age": true}

// Capture asks a server for a target and keeps its answer.
func Capture(base, target string) (Answer, error) {
	resp, err := http.Get(base + target)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return Answer{}, fmt.Errorf("capture %s: %w", target, err)
	}
	if resp.StatusCode != http.StatusOK {
		return Answer{}, fmt.Errorf("capture %s: status %d: %.200s", target, resp.StatusCode, body)
	}
	a := Answer{Target: target, Body: body}
	for name, values := range resp.Header {
		if !perServer[name] {
			a.Header = append(a.Header, Field{name, values[0]})
		}
	}
	return a, nil
}

// Get is the value of a header line, or nothing.
func (a *Answer) Get(name string) string {
	for _, f := range a.Header {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// writeAnswers keeps answers for rivals that run as processes of their own.
func writeAnswers(file string, answers []Answer) error {
	text, err := json.Marshal(answers)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

func readAnswers(file string) ([]Answer, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var answers []Answer
	return answers, json.Unmarshal(text, &answers)
}

// answersFile is where a rival finds its answers.
func (at Place) answersFile() string { return filepath.Join(at.Dir, "answers.json") }
