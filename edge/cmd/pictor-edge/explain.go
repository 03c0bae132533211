package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/ops"
)

// explainCmd is «pictor-edge explain URL».
type explainCmd struct {
	URL     string `arg:"" help:"A delivery URL, or its path with the query. It is not fetched."`
	Accept  string `help:"The Accept header of the client." default:"image/avif,image/webp,image/*,*/*;q=0.8"`
	Ops     string `help:"Operations address of the edge to ask." default:"127.0.0.1:9081" env:"PICTOR_EDGE_OPS_LISTEN"`
	Offline bool   `help:"Ask no edge: tell what the URL alone says."`
}

// maxExplanation bounds what is read of an answer.
const maxExplanation = 1 << 20

func (c *explainCmd) run(ctx context.Context, out io.Writer) error {
	target := targetOf(c.URL)
	if c.Offline {
		_, err := fmt.Fprintln(out, ops.Format(edge.ExplainTarget(target)))
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	query := url.Values{"target": {target}, "accept": {c.Accept}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.Ops+ops.PathExplain+"?"+query.Encode(), nil)
	if err != nil {
		return fmt.Errorf("ask the edge at %s: %w", c.Ops, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		fmt.Fprintln(out, ops.Format(edge.ExplainTarget(target)))
		return fmt.Errorf("that is what the URL alone says, for no edge answers at %s (--ops)", c.Ops)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the edge at %s answers %s", c.Ops, resp.Status)
	}
	_, err = io.Copy(out, io.LimitReader(resp.Body, maxExplanation))
	return err
}

// targetOf is what stands in the request line for a URL, without any decoding.
func targetOf(text string) string {
	_, rest, ok := strings.Cut(text, "://")
	if !ok {
		return text
	}
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		return rest[i:]
	}
	return "/"
}
