package originhttp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/originhttp"
	"github.com/pictor/pictor/shared/cluster"
	"github.com/pictor/pictor/shared/wire"
)

// serve runs handler as an origin's edge API with mutual TLS and gives a client of it.
func serve(t *testing.T, handler http.HandlerFunc) *originhttp.Client {
	t.Helper()
	server, client, err := cluster.Key(strings.Repeat("k", 32)).TLS()
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(handler)
	s.TLS = server
	s.StartTLS()
	c := originhttp.New(s.Listener.Addr().String(), client)
	t.Cleanup(func() { c.Close(); s.Close() })
	return c
}

func reply(w http.ResponseWriter, status int, v any) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is the test
}

func TestManifest(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch name := r.URL.Query().Get("name"); {
		case r.URL.Path != wire.PathManifest || r.URL.Query().Get("ns") != "cloud":
			http.Error(w, "?", http.StatusTeapot)
		case name == "a/b&c":
			reply(w, 200, wire.Manifest{Seq: 7, Version: 2})
		case name == "broken":
			fmt.Fprint(w, "{")
		case name == "sick":
			http.Error(w, "", http.StatusInternalServerError)
		default:
			reply(w, 404, wire.NotFound{Seq: 9})
		}
	})
	ctx := context.Background()
	find := func(id string) (*wire.Manifest, uint64, error) {
		return c.Manifest(ctx, wire.Name{Namespace: "cloud", Name: id})
	}
	if m, seq, err := find("a/b&c"); err != nil || seq != 7 || m.Version != 2 {
		t.Errorf("got %+v %d %v", m, seq, err)
	}
	if m, seq, err := find("none"); err != nil || seq != 9 || m != nil {
		t.Errorf("unknown name: %+v %d %v", m, seq, err)
	}
	if _, _, err := find("broken"); err == nil {
		t.Error("half an answer was taken")
	}
	if _, _, err := find("sick"); edge.KindOf(err) != edge.Unavailable {
		t.Errorf("a sick origin: %v", err)
	}
}

func TestBlob(t *testing.T) {
	content := strings.Repeat("0123456789", 1000)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != wire.PathBlob+"d1" {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
	})
	for _, part := range []struct{ offset, length, from, to int64 }{{0, -1, 0, 10000}, {10, -1, 10, 10000}, {10, 5, 10, 15}, {0, 1, 0, 1}} {
		body, err := c.Blob(context.Background(), "d1", part.offset, part.length)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		body.Close()
		if err != nil || string(got) != content[part.from:part.to] {
			t.Errorf("%+v: %d bytes, %v", part, len(got), err)
		}
	}
	if _, err := c.Blob(context.Background(), "d2", 0, -1); edge.KindOf(err) != edge.NotFound {
		t.Errorf("a missing blob: %v", err)
	}
	if _, err := c.Blob(context.Background(), "d1", 20000, 5); edge.KindOf(err) != edge.Unavailable {
		t.Errorf("beyond the end: %v", err)
	}
}

func TestChanges(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "{\"epoch\":\"e\",\"seq\":%s}\n", r.URL.Query().Get("after"))
		fmt.Fprint(w, `{"epoch":"e","seq":6,"name":{"ns":"cloud","name":"x"}}`+"\n{broken")
	})
	var got []wire.Change
	err := c.Changes(context.Background(), 5, func(change wire.Change) { got = append(got, change) })
	if err == nil || len(got) != 2 || got[0].Seq != 5 || got[1].Name.Name != "x" {
		t.Errorf("got %+v and %v", got, err)
	}
	quiet := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := quiet.Changes(ctx, 0, func(wire.Change) {}); err == nil {
		t.Error("a feed that ended with its context must say so")
	}
}

func TestOriginAway(t *testing.T) {
	_, client, err := cluster.Key(strings.Repeat("k", 32)).TLS()
	if err != nil {
		t.Fatal(err)
	}
	c := originhttp.New("127.0.0.1:1", client)
	if _, err := c.Keyring(context.Background()); edge.KindOf(err) != edge.Unavailable {
		t.Errorf("nobody there: %v", err)
	}
	foreign := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
	if err := foreign.SendUsage(context.Background(), wire.UsageBatch{ID: "1"}); err != nil {
		t.Errorf("usage: %v", err)
	}
}
