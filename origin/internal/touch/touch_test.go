package touch_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pictor/pictor/origin/internal/touch"
)

func TestTouch(t *testing.T) {
	asked, release := make(chan string, 10), make(chan struct{})
	edge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.RequestURI
		<-release
		w.WriteHeader(http.StatusNotFound) // that it fails is nobody's concern
	}))
	defer edge.Close()
	now := time.Now()
	touches := touch.New(slog.New(slog.DiscardHandler), func() time.Time { return now })
	await := func(want string) {
		t.Helper()
		select {
		case got := <-asked:
			if got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("no %s", want)
		}
	}
	touches.Touch("d1", edge.URL+"/i/u/one.jpg?sig=s")
	await("HEAD /i/u/one.jpg?sig=s")
	touches.Touch("d1", edge.URL+"/i/u/again.jpg")
	touches.Touch("d2", edge.URL+"/i/u/two.jpg")
	await("HEAD /i/u/two.jpg") // not again.jpg
	touches.Touch("d3", edge.URL+"/i/u/dropped.jpg")
	close(release)
	now = now.Add(time.Hour)
	deadline := time.After(time.Minute)
	for { // until a slot is free
		touches.Touch("d1", edge.URL+"/i/u/later.jpg")
		select {
		case got := <-asked:
			if got != "HEAD /i/u/later.jpg" {
				t.Fatalf("got %s", got)
			}
			return
		case <-deadline:
			t.Fatal("after an hour it is not asked for again")
		case <-time.After(10 * time.Millisecond):
		}
	}
}
