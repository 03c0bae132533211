package peers

import (
	"bytes"
	"context"
	"errors"

	"github.com/valyala/fasthttp"
)

// StartFastHTTP starts the bare handler: what fasthttp can do when nothing has to be decided.
func StartFastHTTP(ctx context.Context, at Place, answers []Answer) (*Server, error) {
	return startSelf(ctx, at, "fasthttp", answers)
}

// startSelf runs a subcommand «serve NAME» of this program.
func startSelf(ctx context.Context, at Place, name string, answers []Answer) (*Server, error) {
	if err := writeAnswers(at.answersFile(), answers); err != nil {
		return nil, err
	}
	return run(ctx, at, name, at.Self, nil, func(address string, _ int) []string {
		return []string{"serve", name, address, at.answersFile()}
	})
}

// ready is an answer whose header lines are bytes already, their names in canonical form.
type ready struct {
	names, values [][]byte
	etag, body    []byte
}

// ServeFastHTTP answers until it fails. Its write buffer holds a small answer with its head: one write instead of two.
func ServeFastHTTP(address, answersFile string) error {
	answers, err := readAnswers(answersFile)
	if err != nil {
		return err
	}
	byTarget := map[string]*ready{}
	for _, a := range answers {
		r := &ready{etag: []byte(a.Get("Etag")), body: a.Body}
		for _, f := range a.Header {
			r.names, r.values = append(r.names, []byte(f.Name)), append(r.values, []byte(f.Value))
		}
		byTarget[a.Target] = r
	}
	server := &fasthttp.Server{
		Handler: func(c *fasthttp.RequestCtx) {
			r, ok := byTarget[string(c.Request.Header.RequestURI())]
			if !ok {
				c.SetStatusCode(fasthttp.StatusNotFound)
				return
			}
			for i, name := range r.names {
				c.Response.Header.SetCanonical(name, r.values[i])
			}
			if tag := c.Request.Header.Peek("If-None-Match"); len(tag) > 0 && bytes.Equal(tag, r.etag) {
				c.SetStatusCode(fasthttp.StatusNotModified)
				return
			}
			c.Response.SetBodyRaw(r.body)
		},
		WriteBufferSize: 16 << 10, NoDefaultServerHeader: true, NoDefaultContentType: true,
	}
	return errors.Join(errors.New("fasthttp ended"), server.ListenAndServe(address))
}
