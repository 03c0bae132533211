package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/pictor/pictor/edge/internal/config"
	"github.com/pictor/pictor/shared/limit"
)

func parse(t *testing.T, env ...string) (config.Serve, error) {
	t.Helper()
	for i := 0; i < len(env); i += 2 {
		t.Setenv(env[i], env[i+1])
	}
	var cfg config.Serve
	parser, err := kong.New(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(nil)
	return cfg, err
}

func TestDefaults(t *testing.T) {
	cfg, err := parse(t)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.LimitMissIP != (limit.Rate{Count: 600, Per: time.Minute}) || cfg.LogHits != 1000 || cfg.VariantsPerAsset != 1000 ||
		cfg.NewVariants != "any" || cfg.OTLPEndpoint != "" {
		t.Errorf("got %+v", cfg)
	}
}

func TestVariables(t *testing.T) {
	cfg, err := parse(t, "PICTOR_EDGE_LIMIT_MISS_IP", "off", "PICTOR_EDGE_LIMIT_VIEWS_IP", "5/15m", "PICTOR_EDGE_LOG_HITS", "off",
		"OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318", "PICTOR_EDGE_VARIANTS_PER_ASSET", "0",
		"PICTOR_EDGE_NEW_VARIANTS", "signed")
	if err != nil {
		t.Fatal(err)
	}
	if !cfg.LimitMissIP.Off() || cfg.LimitViewsIP.String() != "5/15m" || cfg.LogHits != 0 ||
		cfg.OTLPEndpoint != "http://collector:4318" || cfg.VariantsPerAsset != 0 || cfg.NewVariants != "signed" {
		t.Errorf("got %+v", cfg)
	}
}

// An error names the knob.
func TestErrors(t *testing.T) {
	for knob, values := range map[string][]string{
		"PICTOR_EDGE_LIMIT_MISS_IP":      {"600", "600/d", "-1/m"},
		"PICTOR_EDGE_VARIANTS_PER_ASSET": {"-1", "100001", "many"},
		"PICTOR_EDGE_NEW_VARIANTS":       {"all"},
		"PICTOR_EDGE_LOG_HITS":           {"1000", "2/1000", "1/0", "1/x"},
		"PICTOR_TRACE_SAMPLE":            {"-0.1", "1.1", "NaN"},
		"PICTOR_EDGE_MEMORY_BYTES":       {"1"},
		"PICTOR_EDGE_WEIGHT":             {"0", "1001"},
		"PICTOR_EDGE_WORKERS":            {"-1"},
		"PICTOR_EDGE_HEAD_TIME":          {"1ms"},
		"PICTOR_EDGE_PUBLIC_AGE":         {"-1s", "3600"},
		"PICTOR_EDGE_TRUSTED_PROXIES":    {"10.0.0.0/33"},
	} {
		for _, value := range values {
			t.Run(knob+"="+value, func(t *testing.T) {
				_, err := parse(t, knob, value)
				flag := "--" + strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(strings.TrimPrefix(knob, "PICTOR_"), "EDGE_")), "_", "-")
				if err == nil || !strings.Contains(err.Error(), knob) && !strings.Contains(err.Error(), flag) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}
