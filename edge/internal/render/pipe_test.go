package render_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pictor/pictor/edge/internal/render/pipe"
)

// ends are the two ends of a worker's socket.
func ends(t testing.TB) (ours, theirs *pipe.Conn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var conns [2]*pipe.Conn
	for i, fd := range fds {
		if conns[i], err = pipe.NewConn(os.NewFile(uintptr(fd), "end")); err != nil {
			t.Fatal(err)
		}
		conns[i].SetDeadline(time.Now().Add(30 * time.Second))
		t.Cleanup(func() { conns[i].Close() })
	}
	return conns[0], conns[1]
}

func TestRequestsCarryTheirFile(t *testing.T) {
	ours, theirs := ends(t)
	want := pipe.Request{Spec: "f_webp,w_10", Bytes: 5, CPU: time.Second}
	if err := ours.Send(want, onDisk(t, []byte("hello"))); err != nil {
		t.Fatal(err)
	}
	var got pipe.Request
	files, err := theirs.Receive(&got)
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	file := files[0]
	defer file.Close()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("request is %+v, want %+v", got, want)
	}
	if body, err := io.ReadAll(file); string(body) != "hello" {
		t.Errorf("the file holds %q (%v)", body, err)
	}
	if _, err := file.WriteString("x"); err == nil {
		t.Error("the worker can write to its source")
	}
}

func TestMessagesInPieces(t *testing.T) {
	ours, theirs := ends(t)
	go func() {
		for _, b := range packed(`{"Spec":"f_png"}`) {
			ours.Write([]byte{b})
		}
		ours.CloseWrite()
	}()
	var got pipe.Request
	if _, err := theirs.Receive(&got); err != nil || got.Spec != "f_png" {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := theirs.Receive(&got); !errors.Is(err, io.EOF) {
		t.Fatalf("at the end: %v, want io.EOF", err)
	}
}

func packed(text string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
}

func TestAnswers(t *testing.T) {
	ours, theirs := ends(t)
	body := bytes.Repeat([]byte("pixels"), 1<<17)
	go func() {
		theirs.Reply(pipe.Answer{}, body)
		theirs.Reply(pipe.Answer{Failure: "cut short", Damaged: true}, nil)
	}()
	if _, got, err := ours.Answer(); err != nil || !bytes.Equal(got, body) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if a, got, err := ours.Answer(); err != nil || len(got) != 0 || !a.Damaged || a.Failure != "cut short" {
		t.Fatalf("%+v, %v", a, err)
	}
}

// A worker that was taken over may say anything; it must not cost the pool more than an error.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte{})
	f.Add(packed(`{"Bytes":3}`))
	f.Add(append(packed(`{"Bytes":3}`), "abc"...))
	f.Add(packed(`{"Bytes":-1}`))
	f.Add(packed(`{"Bytes":999999999999}`))
	f.Add(packed(`[]`))
	f.Add([]byte{255, 255, 255, 255, '{', '}'})
	f.Add(packed(strings.Repeat("[", 1000)))
	f.Fuzz(func(t *testing.T, said []byte) {
		ours, theirs := ends(t)
		go func() {
			theirs.Write(said)
			theirs.CloseWrite()
		}()
		a, body, err := ours.Answer()
		if err == nil && len(body) != a.Bytes {
			t.Fatalf("%d bytes of body, %d announced", len(body), a.Bytes)
		}
		if err != nil && len(body) != 0 {
			t.Fatalf("%d bytes of body with an error", len(body))
		}
	})
}
