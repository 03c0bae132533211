package render_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/render"
	"github.com/pictor/pictor/shared/transform"
)

// A source that ends two fresh workers is not tried again for an hour, whatever is asked of it.
func TestQuarantine(t *testing.T) {
	now := time.Now()
	replaced := make(chan string, 100)
	pool := open(t, render.Options{Workers: 1, CPUTime: time.Second, Now: func() time.Time { return now },
		Replaced: func(why string) { replaced <- why }})
	j, file := huge(t)
	for range 2 { // the first worker is fresh, and so is the one after the first strike
		if n := pool.Stats().Quarantined; n != 0 {
			t.Fatalf("%d sources in quarantine before the second strike", n)
		}
		_, err := pool.Render(t.Context(), j, file)
		wantKind(t, err, edge.Timeout)
	}
	if n := pool.Stats().Quarantined; n != 1 {
		t.Fatalf("%d sources in quarantine, want 1", n)
	}
	small := j
	small.Spec.Width, small.Spec.Height, small.Spec.Format, small.Spec.Quality = 10, 10, transform.PNG, 0
	ended := len(replaced)
	_, err := pool.Render(t.Context(), small, file)
	wantKind(t, err, edge.Damaged)
	if !strings.Contains(err.Error(), "not tried again") || len(replaced) != ended {
		t.Errorf("in quarantine: %v, and workers ended for %d jobs", err, len(replaced)-ended)
	}
	src, good := upload(t, "png", photo(50, 50))
	body, err := pool.Render(t.Context(), job(t, src, "w_12,f_png"), good)
	wantPicture(t, body, err, 12, 12)
	now = now.Add(time.Hour + time.Second)
	body, err = pool.Render(t.Context(), small, file)
	wantPicture(t, body, err, 10, 10)
}

// What ends workers from outside is no picture's fault, and a crash of a worker that has seen other pictures may be
// theirs: the source gets another chance, alone.
func TestInnocentsAreNotQuarantined(t *testing.T) {
	pool := open(t, render.Options{Workers: 1})
	long, file := huge(t) // so that no job is done before the signal is
	short := long
	short.Spec.Width, short.Spec.Height, short.Spec.Format, short.Spec.Quality = 10, 10, transform.PNG, 0
	crash := func(sig syscall.Signal) {
		t.Helper()
		workers := children(t)
		signalAll(t, workers, syscall.SIGSTOP)
		failed := started(t, t.Context(), pool, 1, long, file)
		signalAll(t, workers, sig)
		signalAll(t, workers, syscall.SIGCONT)
		if err := <-failed; err == nil {
			t.Fatalf("a job survived %v", sig)
		}
		waitForOthers(t, pool, workers)
	}
	for range 4 {
		crash(syscall.SIGKILL)
	}
	if n := pool.Stats().Quarantined; n != 0 {
		t.Fatalf("%d sources in quarantine after workers were killed", n)
	}
	useAll(t, pool)
	crash(syscall.SIGSEGV) // perhaps the fault of what the worker has seen before
	crash(syscall.SIGSEGV) // the first strike, for the worker was fresh
	for range 3 {
		body, err := pool.Render(t.Context(), short, file)
		wantPicture(t, body, err, 10, 10)
	}
}

// useAll gives each of the two workers another picture, so that none is fresh.
func useAll(t *testing.T, pool *render.Pool) {
	t.Helper()
	src, file := upload(t, "png", photo(120, 100))
	workers := children(t)
	signalAll(t, workers, syscall.SIGSTOP)
	j := job(t, src, "w_10,f_png")
	done := []chan error{started(t, t.Context(), pool, 1, j, file), started(t, t.Context(), pool, 2, j, file)}
	signalAll(t, workers, syscall.SIGCONT)
	for _, each := range done {
		if err := <-each; err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() bool { return pool.Stats().Free == len(workers) })
}
