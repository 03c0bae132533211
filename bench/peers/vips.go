package peers

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/bench/proc"
)

// StartVips starts a bare loop over libvips: thumbnail_buffer and save, nothing else. Jobs come on its standard input
// and pictures go to its standard output, so that its memory and processor time are its own.
func StartVips(_ context.Context, at Place, sources string, threads int) (*Renderer, error) {
	cmd := exec.Command(at.Self, "serve", "vips", sources, fmt.Sprint(threads))
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), "MALLOC_ARENA_MAX=2")
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := proc.StartOn(cmd, at.CPU); err != nil {
		return nil, fmt.Errorf("start libvips loop: %w", err)
	}
	l := newVipsLoop(in, out)
	return &Renderer{Pid: cmd.Process.Pid, Do: l.do, Settings: Settings{JPEG: same, WebP: same, AVIF: same,
		Rest: "thumbnail_buffer and save in a loop, a thread a core, no HTTP"}, Stop: func() {
		in.Close() // ends the loop
		_ = cmd.Wait()
	}}, nil
}

type vipsQuestion struct {
	ID  int
	Job Job
}

type vipsAnswer struct {
	ID    int
	Body  []byte
	Error string
}

// vipsLoop is the near end of the pipes.
type vipsLoop struct {
	mu      sync.Mutex // guards what follows; held while a job is written, which is short
	in      *json.Encoder
	next    int
	waiting map[int]chan vipsAnswer
	ended   bool
}

func newVipsLoop(in io.Writer, out io.Reader) *vipsLoop {
	l := &vipsLoop{in: json.NewEncoder(in), waiting: map[int]chan vipsAnswer{}}
	go l.listen(out)
	return l
}

func (l *vipsLoop) do(ctx context.Context, j Job) ([]byte, error) {
	answer, err := l.ask(j)
	if err != nil {
		return nil, err
	}
	select {
	case a, ok := <-answer:
		if !ok {
			return nil, errors.New("the libvips loop ended")
		}
		if a.Error != "" {
			return nil, errors.New(a.Error)
		}
		return a.Body, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *vipsLoop) ask(j Job) (chan vipsAnswer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return nil, errors.New("the libvips loop ended")
	}
	l.next++
	answer := make(chan vipsAnswer, 1)
	l.waiting[l.next] = answer
	return answer, l.in.Encode(vipsQuestion{l.next, j})
}

func (l *vipsLoop) listen(out io.Reader) {
	answers := json.NewDecoder(bufio.NewReaderSize(out, 1<<20))
	for {
		var a vipsAnswer
		if err := answers.Decode(&a); err != nil {
			break
		}
		l.mu.Lock()
		l.waiting[a.ID] <- a
		delete(l.waiting, a.ID)
		l.mu.Unlock()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	for _, answer := range l.waiting {
		close(answer)
	}
}

// ServeVips is the far end: so many goroutines, one libvips thread each, SIMD on, until the input ends.
func ServeVips(sources string, threads int, in io.Reader, out io.Writer) error {
	vips.Startup(&vips.Config{ConcurrencyLevel: 1, VectorEnabled: true}) // it ends with the process: none starts after a Shutdown
	questions := make(chan vipsQuestion)
	var workers sync.WaitGroup
	var mu sync.Mutex // held while an answer is written
	answers := json.NewEncoder(out)
	for range threads {
		workers.Go(func() {
			for q := range questions {
				a := vipsAnswer{ID: q.ID}
				body, err := renderBare(filepath.Join(sources, q.Job.Source+".jpg"), q.Job)
				if err != nil {
					a.Error = err.Error()
				}
				a.Body = body
				mu.Lock()
				_ = answers.Encode(a) // a reader that is gone ends the input too
				mu.Unlock()
			}
		})
	}
	lines := json.NewDecoder(bufio.NewReader(in))
	var q vipsQuestion
	err := lines.Decode(&q)
	for ; err == nil; err = lines.Decode(&q) {
		questions <- q
		q = vipsQuestion{}
	}
	close(questions)
	workers.Wait()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// tallest stands for «any height».
const tallest = 100_000

func renderBare(file string, j Job) ([]byte, error) {
	buf, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	options := &vips.ThumbnailBufferOptions{Height: j.Height, Crop: vips.InterestingCentre, FailOn: vips.FailOnError}
	if j.Height == 0 {
		options.Height, options.Crop = tallest, vips.InterestingNone
	}
	img, err := vips.NewThumbnailBuffer(buf, j.Width, options)
	if err != nil {
		return nil, err
	}
	defer img.Close()
	switch j.Format {
	case "jpeg":
		return img.JpegsaveBuffer(&vips.JpegsaveBufferOptions{Q: j.Quality, OptimizeCoding: true, Keep: vips.KeepNone})
	case "png":
		return img.PngsaveBuffer(&vips.PngsaveBufferOptions{Compression: 3, Filter: vips.PngFilterUp, Keep: vips.KeepNone})
	case "webp":
		return img.WebpsaveBuffer(&vips.WebpsaveBufferOptions{Q: j.Quality, Effort: j.Effort, Keep: vips.KeepNone})
	case "avif":
		return img.HeifsaveBuffer(&vips.HeifsaveBufferOptions{Q: j.Quality, Effort: j.Effort, Bitdepth: 8,
			Compression: vips.HeifCompressionAv1, Keep: vips.KeepNone})
	}
	return nil, fmt.Errorf("no encoder for %q", j.Format)
}
