package edge_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/delivery"
)

// recorder is a Tracer that remembers spans as text.
type recorder struct {
	mu    sync.Mutex
	ended []string
}

type recorded struct {
	*recorder
	text string
}

type above struct{}

func (r *recorder) Request(*fasthttp.RequestCtx) (context.Context, edge.Span) {
	return context.WithValue(context.Background(), above{}, "request"), &recorded{r, "request"}
}

func (r *recorder) Step(ctx context.Context, name string) (context.Context, edge.Span) {
	name = ctx.Value(above{}).(string) + "/" + name
	return context.WithValue(ctx, above{}, name), &recorded{r, name}
}

func (s *recorded) Text(key, value string)         { s.text += fmt.Sprintf(" %s=%s", key, value) }
func (s *recorded) Number(key string, value int64) { s.text += fmt.Sprintf(" %s=%d", key, value) }
func (s *recorded) Trace() string                  { return "4711" }

func (s *recorded) End(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.text += " " + edge.KindOf(err).String()
	}
	s.ended = append(s.ended, s.text)
}

func TestSteps(t *testing.T) {
	w, r := newWorld(t), &recorder{}
	w.edge.Tracer = r
	w.add("photo", picture, nil)
	f := func(target string, want ...string) {
		t.Helper()
		r.ended = nil
		w.serveOnce(target)
		if !slices.Equal(r.ended, want) {
			t.Errorf("%s:\ngot  %s\nwant %s", target, strings.Join(r.ended, "\n     "), strings.Join(want, "\n     "))
		}
	}
	request := func(path, status, bytes, tier string) string {
		return "request http.request.method=GET url.path=" + path + " http.response.status_code=" + status +
			" http.response.body.size=" + bytes + " pictor.tier=" + tier
	}
	f("/v1/image/w_4/photo", "request/look up", "request/disk", "request/original", "request/render pictor.spec=f_jpg,w_4",
		request("/v1/image/w_4/photo", "200", "18", "render"))
	f("/v1/image/w_4/photo", request("/v1/image/w_4/photo", "200", "18", "memory"))
	f("/v1/image/none?sig=x", request("/v1/image/none", "403", "0", "none")+" forbidden")
	f("/v1/image/none", "request/look up not_found", request("/v1/image/none", "404", "0", "none")+" not_found")
	f(delivery.SignCloud(w.keys, "photo", "", now.Add(time.Hour)), "request/disk", "request/clean",
		request("/v1/image/photo", "200", "997", "source"))
	w.owners = []edge.Peer{{Name: "a"}}
	w.tier = edge.TierRender
	w.peer = func(context.Context, edge.Peer, edge.Job) (*edge.Object, error) {
		return edge.NewObject("image/jpeg", []byte("x")), nil
	}
	f("/v1/image/w_6/photo", "request/disk", "request/peer pictor.peer=a pictor.tier=render",
		request("/v1/image/w_6/photo", "200", "1", "peer"))
}
