package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Observe holds the flags of logs and traces.
type Observe struct {
	LogLevel     string  `help:"debug, info, warn or error." default:"info" enum:"debug,info,warn,error" env:"PICTOR_LOG_LEVEL"`
	LogFormat    string  `help:"text or json." default:"text" enum:"text,json" env:"PICTOR_LOG_FORMAT"`
	LogHits      Share   `help:"Share of the hits, in memory and on disk, that have a line in the log, as 1/1000, or off. Everything else always has one." default:"1/1000" env:"PICTOR_EDGE_LOG_HITS"`
	OTLPEndpoint string  `name:"otlp-endpoint" help:"OpenTelemetry collector to send traces to by HTTP, as http://127.0.0.1:4318; default none." env:"PICTOR_OTLP_ENDPOINT,OTEL_EXPORTER_OTLP_ENDPOINT"`
	TraceSample  float64 `help:"Share of the requests that are traced, 0 to 1; what a trusted proxy traces is traced in any case." default:"0.01" env:"PICTOR_TRACE_SAMPLE"`
}

func (o *Observe) validate() error {
	if !(o.TraceSample >= 0 && o.TraceSample <= 1) {
		return fmt.Errorf("PICTOR_TRACE_SAMPLE: must be from 0 to 1, got %v", o.TraceSample)
	}
	return nil
}

// Share is one in so many, 0 for none.
type Share uint32

// UnmarshalText reads «1/1000» or «off».
func (s *Share) UnmarshalText(text []byte) error {
	if string(text) == "off" {
		*s = 0
		return nil
	}
	digits, ok := strings.CutPrefix(string(text), "1/")
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || n == 0 {
		return fmt.Errorf("must be off, or a share like 1/1000, got %q", text)
	}
	*s = Share(n)
	return nil
}
