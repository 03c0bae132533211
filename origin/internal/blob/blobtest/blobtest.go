// Package blobtest is what every origin.Blobs must do.
package blobtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
)

// Run tests the blobs that open gives, empty each time.
func Run(t *testing.T, open func(t *testing.T) origin.Blobs) {
	for name, test := range map[string]func(*testing.T, origin.Blobs){
		"commit makes it readable":      testCommit,
		"empty blob":                    testEmpty,
		"staged is readable, unseen":    testStaged,
		"discard leaves nothing":        testDiscard,
		"discard after commit":          testDiscardAfterCommit,
		"staging ends once":             testEndsOnce,
		"repeated commit":               testRepeat,
		"concurrent commits":            testConcurrent,
		"delete":                        testDelete,
		"reader outlives delete":        testReaderOutlivesDelete,
		"digests that are none":         testMalformed,
		"cancelled":                     testCancelled,
		"sweep visits old blobs":        testSweep,
		"sweep stops at the first fail": testSweepFails,
		"sweep lets stagings in use be": testSweepStaging,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func digestOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func stage(t *testing.T, blobs origin.Blobs, body []byte) origin.Staging {
	t.Helper()
	staging, err := blobs.Stage(t.Context())
	if err != nil {
		t.Fatalf("stage: %v", err)
	}
	if _, err := staging.Write(body); err != nil {
		t.Fatalf("write: %v", err)
	}
	return staging
}

// put commits the body and gives its digest.
func put(t *testing.T, blobs origin.Blobs, body []byte) string {
	t.Helper()
	digest := digestOf(body)
	if err := stage(t, blobs, body).Commit(t.Context(), digest); err != nil {
		t.Fatalf("commit: %v", err)
	}
	return digest
}

func read(t *testing.T, blobs origin.Blobs, digest string) []byte {
	t.Helper()
	r, err := blobs.Open(t.Context(), digest)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	defer r.Close()
	body := make([]byte, r.Size())
	if n, err := r.ReadAt(body, 0); n != len(body) || err != nil && err != io.EOF {
		t.Fatalf("read %d of %d bytes: %v", n, len(body), err)
	}
	if n, err := r.ReadAt(make([]byte, 1), r.Size()); n != 0 || err != io.EOF {
		t.Fatalf("read behind the end: %d bytes, %v", n, err)
	}
	return body
}

func wantMissing(t *testing.T, blobs origin.Blobs, digest string) {
	t.Helper()
	r, err := blobs.Open(t.Context(), digest)
	if err == nil {
		r.Close()
	}
	if origin.KindOf(err) != origin.NotFound {
		t.Fatalf("open %q: %v, want NotFound", digest, err)
	}
}

func wantBody(t *testing.T, blobs origin.Blobs, digest string, want []byte) {
	t.Helper()
	if got := read(t, blobs, digest); !bytes.Equal(got, want) {
		t.Fatalf("read %d bytes that differ from the %d written", len(got), len(want))
	}
}

func testCommit(t *testing.T, blobs origin.Blobs) {
	body := bytes.Repeat([]byte("a picture of a thousand words. "), 100_000)
	staging, err := blobs.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for part := body; len(part) > 0; part = part[min(len(part), 70_001):] {
		if _, err := staging.Write(part[:min(len(part), 70_001)]); err != nil {
			t.Fatal(err)
		}
	}
	if err := staging.Commit(t.Context(), digestOf(body)); err != nil {
		t.Fatal(err)
	}
	wantBody(t, blobs, digestOf(body), body)
}

func testEmpty(t *testing.T, blobs origin.Blobs) {
	wantBody(t, blobs, put(t, blobs, nil), nil)
}

func testStaged(t *testing.T, blobs origin.Blobs) {
	body := []byte("0123456789")
	staging := stage(t, blobs, body)
	wantMissing(t, blobs, digestOf(body))
	part := make([]byte, 4)
	if _, err := staging.ReadAt(part, 3); err != nil || string(part) != "3456" {
		t.Fatalf("read %q of the staging: %v", part, err)
	}
	if _, err := staging.Write([]byte("ab")); err != nil { // reading has not moved where writing goes on
		t.Fatal(err)
	}
	body = append(body, "ab"...)
	if err := staging.Commit(t.Context(), digestOf(body)); err != nil {
		t.Fatal(err)
	}
	wantBody(t, blobs, digestOf(body), body)
}

func testDiscard(t *testing.T, blobs origin.Blobs) {
	staging := stage(t, blobs, []byte("gone"))
	for range 2 {
		if err := staging.Discard(); err != nil {
			t.Fatal(err)
		}
	}
	wantMissing(t, blobs, digestOf([]byte("gone")))
	if swept := sweep(t, blobs, time.Now().Add(time.Hour)); len(swept) != 0 {
		t.Fatalf("sweep visits %v", swept)
	}
}

func testDiscardAfterCommit(t *testing.T, blobs origin.Blobs) {
	staging := stage(t, blobs, []byte("stays"))
	if err := staging.Commit(t.Context(), digestOf([]byte("stays"))); err != nil {
		t.Fatal(err)
	}
	if err := staging.Discard(); err != nil {
		t.Fatal(err)
	}
	wantBody(t, blobs, digestOf([]byte("stays")), []byte("stays"))
}

func testEndsOnce(t *testing.T, blobs origin.Blobs) {
	committed := stage(t, blobs, []byte("once"))
	discarded := stage(t, blobs, []byte("never"))
	if err := errors.Join(committed.Commit(t.Context(), digestOf([]byte("once"))), discarded.Discard()); err != nil {
		t.Fatal(err)
	}
	if err := committed.Commit(t.Context(), digestOf([]byte("once"))); err == nil {
		t.Error("a staging was committed twice")
	}
	if err := discarded.Commit(t.Context(), digestOf([]byte("never"))); err == nil {
		t.Error("a discarded staging was committed")
	}
	if _, err := discarded.Write([]byte("x")); err == nil {
		t.Error("a discarded staging was written to")
	}
	wantMissing(t, blobs, digestOf([]byte("never")))
}

func testRepeat(t *testing.T, blobs origin.Blobs) {
	body := []byte("the same twice")
	put(t, blobs, body)
	digest := put(t, blobs, body)
	wantBody(t, blobs, digest, body)
}

func testConcurrent(t *testing.T, blobs origin.Blobs) {
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			body := fmt.Appendf(nil, "body %d", i%3)
			digest := digestOf(body)
			staging, err := blobs.Stage(t.Context())
			if err == nil {
				_, err = staging.Write(body)
			}
			if err == nil {
				err = staging.Commit(t.Context(), digest)
			}
			if err != nil {
				t.Errorf("commit %d: %v", i, err)
			}
		})
	}
	all.Wait()
	for i := range 3 {
		body := fmt.Appendf(nil, "body %d", i)
		wantBody(t, blobs, digestOf(body), body)
	}
}

func testDelete(t *testing.T, blobs origin.Blobs) {
	digest := put(t, blobs, []byte("short life"))
	other := put(t, blobs, []byte("long life"))
	for range 2 {
		if err := blobs.Delete(t.Context(), digest); err != nil {
			t.Fatal(err)
		}
		wantMissing(t, blobs, digest)
	}
	wantBody(t, blobs, other, []byte("long life"))
	wantBody(t, blobs, put(t, blobs, []byte("short life")), []byte("short life"))
}

func testReaderOutlivesDelete(t *testing.T, blobs origin.Blobs) {
	digest := put(t, blobs, []byte("still here"))
	r, err := blobs.Open(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := blobs.Delete(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, r.Size())
	if _, err := r.ReadAt(body, 0); err != nil || string(body) != "still here" {
		t.Fatalf("read %q: %v", body, err)
	}
}

func testMalformed(t *testing.T, blobs origin.Blobs) {
	real := put(t, blobs, []byte("real"))
	for _, digest := range []string{"", "ab", "../../../etc/passwd", strings.ToUpper(real), real[:63], real + "0",
		strings.Repeat("g", 64), "../" + real[3:], strings.Repeat("../", 21) + "x", real[:63] + "\x00"} {
		wantMissing(t, blobs, digest)
		if err := blobs.Delete(t.Context(), digest); err != nil {
			t.Errorf("delete %q: %v", digest, err)
		}
		if err := stage(t, blobs, []byte("x")).Commit(t.Context(), digest); err == nil {
			t.Errorf("committed as %q", digest)
		}
	}
	wantBody(t, blobs, real, []byte("real"))
}

func testCancelled(t *testing.T, blobs origin.Blobs) {
	ctx, cancel := context.WithCancel(t.Context())
	staging := stage(t, blobs, []byte("late"))
	put(t, blobs, []byte("one to sweep"))
	cancel()
	if _, err := blobs.Stage(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("stage: %v", err)
	}
	if err := staging.Commit(ctx, digestOf([]byte("late"))); !errors.Is(err, context.Canceled) {
		t.Errorf("commit: %v", err)
	}
	wantMissing(t, blobs, digestOf([]byte("late")))
	err := blobs.Sweep(ctx, time.Now().Add(time.Hour), func(string) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("sweep: %v", err)
	}
}

func sweep(t *testing.T, blobs origin.Blobs, before time.Time) map[string]bool {
	t.Helper()
	visited := map[string]bool{}
	err := blobs.Sweep(t.Context(), before, func(digest string) error {
		visited[digest] = true
		return nil
	})
	if err != nil {
		t.Fatalf("sweep: %v", err)
	}
	return visited
}

func testSweep(t *testing.T, blobs origin.Blobs) {
	want := map[string]bool{}
	for i := range 20 {
		want[put(t, blobs, fmt.Appendf(nil, "blob %d", i))] = true
	}
	if visited := sweep(t, blobs, time.Now().Add(-time.Hour)); len(visited) != 0 {
		t.Errorf("visits %d blobs that are not old", len(visited))
	}
	visited := sweep(t, blobs, time.Now().Add(time.Hour))
	for digest := range want {
		if !visited[digest] {
			t.Errorf("does not visit %s", digest)
		}
	}
	if len(visited) != len(want) {
		t.Errorf("visits %d blobs of %d", len(visited), len(want))
	}
	err := blobs.Sweep(t.Context(), time.Now().Add(time.Hour), func(digest string) error {
		return blobs.Delete(t.Context(), digest) // as the collector does
	})
	if left := sweep(t, blobs, time.Now().Add(time.Hour)); err != nil || len(left) != 0 {
		t.Errorf("%d blobs left after deleting while sweeping: %v", len(left), err)
	}
}

func testSweepFails(t *testing.T, blobs origin.Blobs) {
	for i := range 3 {
		put(t, blobs, fmt.Appendf(nil, "blob %d", i))
	}
	broken := errors.New("broken")
	visits := 0
	err := blobs.Sweep(t.Context(), time.Now().Add(time.Hour), func(string) error {
		visits++
		return broken
	})
	if !errors.Is(err, broken) || visits != 1 {
		t.Fatalf("%d visits, %v", visits, err)
	}
}

func testSweepStaging(t *testing.T, blobs origin.Blobs) {
	staging := stage(t, blobs, []byte("slow upload"))
	sweep(t, blobs, time.Now().Add(time.Hour))
	if err := staging.Commit(t.Context(), digestOf([]byte("slow upload"))); err != nil {
		t.Fatal(err)
	}
	wantBody(t, blobs, digestOf([]byte("slow upload")), []byte("slow upload"))
}
