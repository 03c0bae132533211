package logs_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/pictor/pictor/shared/logs"
)

func TestLevelsAndFormats(t *testing.T) {
	for _, level := range []string{"debug", "info", "warn", "error"} {
		for _, format := range []string{"text", "json"} {
			var out bytes.Buffer
			log, err := logs.New(&out, level, format)
			if err != nil {
				t.Fatalf("%s, %s: %v", level, format, err)
			}
			log.Debug("all")
			log.Info("all but debug")
			log.Warn("only warn, error")
			log.Error("alone")
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if want := map[string]int{"debug": 4, "info": 3, "warn": 2, "error": 1}[level]; len(lines) != want {
				t.Errorf("%s: %d lines, want %d", level, len(lines), want)
			}
			if last := lines[len(lines)-1]; json.Valid([]byte(last)) != (format == "json") || !strings.Contains(last, "alone") {
				t.Errorf("%s as %s", last, format)
			}
		}
	}
}

func TestNonsenseNamesTheVariable(t *testing.T) {
	for _, test := range [][3]string{{"loud", "text", "PICTOR_LOG_LEVEL"}, {"info", "xml", "PICTOR_LOG_FORMAT"}} {
		if _, err := logs.New(nil, test[0], test[1]); err == nil || !strings.HasPrefix(err.Error(), test[2]+": ") {
			t.Errorf("%s, %s: %v", test[0], test[1], err)
		}
	}
}
