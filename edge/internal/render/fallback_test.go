package render_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/render"
)

func TestFallback(t *testing.T) {
	pool := open(t, render.Options{Workers: 1, FallbackAfter: 300 * time.Millisecond})
	src, file := upload(t, "jpeg", photo(2000, 1500))
	formats := func(size string) (jobs []edge.Job) {
		for _, format := range []string{"avif", "webp", "jpg"} {
			jobs = append(jobs, job(t, src, size+",f_"+format))
		}
		return jobs
	}
	want := func(when, size string, index int, fallbacks int64) {
		t.Helper()
		if got := pool.Fallback(formats(size)); got != index || pool.Stats().Fallbacks != fallbacks {
			t.Errorf("%s, %s: the job with the index %d, %d were fallbacks", when, size, got, pool.Stats().Fallbacks)
		}
	}
	want("idle", "w_1800", 0, 0)
	signalAll(t, children(t), syscall.SIGSTOP)
	ctx, cancel := context.WithCancel(t.Context())
	var running []chan error
	for range 20 {
		j := job(t, src, "w_1600,f_avif")
		running = append(running, started(t, ctx, pool, 1, j, file))
	}
	eventually(t, func() bool { return pool.Stats().Backlog > time.Second })
	want("pressed", "w_1800", 2, 1)
	want("pressed", "w_16", 0, 1) // overtakes what waits, and costs the same in all formats
	if got := pool.Fallback(formats("w_1800")[:1]); got != 0 {
		t.Errorf("without a choice: %d", got)
	}
	if got := pool.Fallback([]edge.Job{formats("w_1800")[2], formats("w_1800")[0]}); got != 0 {
		t.Errorf("the first is the cheapest: %d", got)
	}
	cancel()
	for _, failed := range running {
		<-failed
	}
	signalAll(t, children(t), syscall.SIGCONT)
	want("relieved", "w_1800", 0, 1)
}

func TestFallbackIsSwitchedOff(t *testing.T) {
	pool := open(t, render.Options{Workers: 1})
	src, file := upload(t, "jpeg", photo(2000, 1500))
	workers := children(t)
	signalAll(t, workers, syscall.SIGSTOP)
	ctx, cancel := context.WithCancel(t.Context())
	var running []chan error
	for range 8 {
		running = append(running, started(t, ctx, pool, 1, job(t, src, "w_1600,f_avif"), file))
	}
	if got := pool.Fallback([]edge.Job{job(t, src, "w_1800,f_avif"), job(t, src, "w_1800,f_jpg")}); got != 0 {
		t.Errorf("%d", got)
	}
	cancel()
	for _, failed := range running {
		<-failed
	}
	signalAll(t, workers, syscall.SIGCONT)
}
