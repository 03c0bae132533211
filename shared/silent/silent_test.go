package silent_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pictor/pictor/shared/silent"
)

// closed reports whether the connection's end comes within a while.
func closed(t *testing.T, conn net.Conn) bool {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	_, err := conn.Read(make([]byte, 1))
	return err == io.EOF
}

// Who has said nothing does not hold up the end; who has asked gets an answer.
func TestShutdown(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-release
		_, _ = io.WriteString(w, "answer")
	}))
	var conns silent.Conns
	server.Config.ConnState = func(conn net.Conn, state http.ConnState) { conns.Note(conn, state == http.StateNew) }
	server.Start()
	quiet, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer quiet.Close()
	answer := make(chan string)
	go func() { // its connection is accepted after the silent one
		defer close(answer)
		resp, err := http.Get(server.URL)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- string(body)
	}()
	<-asked
	conns.Close()
	if !closed(t, quiet) {
		t.Error("the silent connection is still open")
	}
	late, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	if !closed(t, late) {
		t.Error("one that came afterwards is open")
	}
	close(release)
	if got := <-answer; got != "answer" {
		t.Errorf("who had asked got %q", got)
	}
	if err := server.Config.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}
