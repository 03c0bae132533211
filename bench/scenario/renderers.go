package scenario

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/bench/client"
	"github.com/pictor/pictor/bench/peers"
	"github.com/pictor/pictor/bench/picture"
	"github.com/pictor/pictor/bench/stack"
)

// renders is a group of peers that make pictures, everybody on all cores, one after the other.
type renders struct {
	*Bench
	photos map[string]string // files by source name
	names  []string
	peers  map[string]*peers.Renderer
	stops  []func()
	asked  map[string]int // jobs handed out, by peer and kind

	scenario string
	kinds    []kind
}

func (r *renders) stop() {
	for _, stop := range r.stops {
		stop()
	}
}

// findPhotos takes the user's photographs, or paints some.
func (r *renders) findPhotos() error {
	if r.Photos == "" {
		return r.paintPhotos()
	}
	files, err := filepath.Glob(filepath.Join(r.Photos, "*.jpg"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("no *.jpg in %s", r.Photos)
	}
	for i, file := range files {
		r.addPhoto(fmt.Sprintf("photo-%d", i), file)
	}
	return nil
}

func (r *renders) addPhoto(name, file string) {
	if r.photos == nil {
		r.photos = map[string]string{}
	}
	r.photos[name] = file
	r.names = append(r.names, name)
}

func (r *renders) paintPhotos() error {
	count := 4
	if r.Quick {
		count = 2
	}
	for i := range count {
		err := r.paint(fmt.Sprintf("photo-%d", i), func() []byte { return picture.JPEG(picture.Photo(4000, 3000, uint64(i))) })
		if err != nil {
			return err
		}
	}
	return nil
}

// paint adds a photograph, which is kept for the next run under its name.
func (r *renders) paint(name string, photo func() []byte) error {
	file := filepath.Join(r.Cache, name+".jpg")
	r.addPhoto(name, file)
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	r.say("painting %s", name)
	if err := os.MkdirAll(r.Cache, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", photo(), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file) // whole, or not there
}

// photoFolder makes one with the photographs in it, for those who read files.
func (r *renders) photoFolder() (string, error) {
	at, err := r.place("sources", -1)
	if err != nil {
		return "", err
	}
	for name, file := range r.photos {
		file, err := filepath.Abs(file)
		if err != nil {
			return "", err
		}
		if err := os.Symlink(file, filepath.Join(at.Dir, name+".jpg")); err != nil {
			return "", err
		}
	}
	return at.Dir, nil
}

func (r *renders) start(ctx context.Context, env ...string) error {
	sources, err := r.photoFolder()
	if err != nil {
		return err
	}
	s, err := r.edge(ctx, env...)
	if err != nil {
		return err
	}
	r.stops = append(r.stops, s.Stop)
	if _, err := r.upload(ctx, s); err != nil {
		return err
	}
	r.joinEdge(ctx, s)
	r.joinVips(ctx, sources)
	r.joinTunedImagor(ctx, sources, webpEffort)
	r.joinIPX(ctx, sources, webpEffort)
	if r.Quick {
		r.Notes = append(r.Notes, "Quick: thumbor, and imagor as it is built by default, were left out; both are slow.")
		return nil
	}
	r.joinImagor(ctx, sources)
	r.join(ctx, "thumbor", func(ctx context.Context, at peers.Place) (*peers.Renderer, error) {
		return peers.StartThumbor(ctx, at, sources, runtime.NumCPU())
	})
	return nil
}

func (r *renders) joinEdge(ctx context.Context, s *stack.Stack) {
	base := s.Edges[0].URL
	r.join(ctx, edgeName, func(context.Context, peers.Place) (*peers.Renderer, error) {
		return &peers.Renderer{Pid: s.Edges[0].Pid(), Stop: func() {}, Do: func(ctx context.Context, j peers.Job) ([]byte, error) {
			return peers.Fetch(ctx, base+peers.EdgeTarget(j))
		}}, nil
	})
}

func (r *renders) joinVips(ctx context.Context, sources string) {
	r.join(ctx, vipsName, func(ctx context.Context, at peers.Place) (*peers.Renderer, error) {
		return peers.StartVips(ctx, at, sources, runtime.NumCPU())
	})
}

func (r *renders) joinImagor(ctx context.Context, sources string) {
	r.join(ctx, "imagor", func(ctx context.Context, at peers.Place) (*peers.Renderer, error) {
		return peers.StartImagor(ctx, at, sources)
	})
}

func (r *renders) joinTunedImagor(ctx context.Context, sources string, webpEffort int) {
	r.join(ctx, tunedName, func(ctx context.Context, at peers.Place) (*peers.Renderer, error) {
		return peers.StartTunedImagor(ctx, at, sources, webpEffort)
	})
}

func (r *renders) joinIPX(ctx context.Context, sources string, webpEffort int) {
	r.join(ctx, "ipx", func(ctx context.Context, at peers.Place) (*peers.Renderer, error) {
		return peers.StartIPX(ctx, at, sources, webpEffort)
	})
}

// upload gives the photographs to the origin, with the client that did it.
func (r *renders) upload(ctx context.Context, s *stack.Stack) (*client.Client, error) {
	c, err := client.SignIn(ctx, s.Origin.URL, s.Admin.Email, s.Admin.Password)
	if err != nil {
		return nil, err
	}
	for _, name := range r.names {
		photo, err := os.ReadFile(r.photos[name])
		if err != nil {
			return nil, err
		}
		if _, err := c.Upload(ctx, name+".jpg", photo, map[string]string{"public_id": name}); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// join takes a peer in, if it makes the pictures that were asked for of every photograph.
func (r *renders) join(ctx context.Context, name string, start func(context.Context, peers.Place) (*peers.Renderer, error)) {
	at, err := r.place(name, -1)
	if err != nil {
		r.Fail(r.scenario, name, err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	p, err := start(ctx, at)
	if err != nil {
		r.Fail(r.scenario, name, err)
		return
	}
	r.stops = append(r.stops, p.Stop)
	for _, k := range r.kinds {
		for range r.names { // the originals are in everybody's page cache, and on the edge's disk, after this
			if err := r.check(ctx, p, r.next(name, k)); err != nil {
				r.Fail(r.scenario, name, fmt.Errorf("%s: %w", k.name, err))
				return
			}
		}
	}
	r.peers[name] = p
	if name != edgeName {
		if r.encoders == nil {
			r.encoders = map[string]peers.Settings{}
		}
		r.encoders[name] = p.Settings
	}
}

func (r *renders) next(name string, k kind) peers.Job {
	turn := name + k.name
	j, ok := k.nth(r.asked[turn], r.names)
	if !ok {
		panic("there are fewer jobs than are asked for") // a wrong constant of this file
	}
	r.asked[turn]++
	return j
}

func (r *renders) check(ctx context.Context, p *peers.Renderer, j peers.Job) error {
	body, err := p.Do(ctx, j)
	if err != nil {
		return err
	}
	return isResult(body, j)
}

// isResult checks that a body is what the job asks for.
func isResult(body []byte, j peers.Job) error {
	img, err := vips.NewImageFromBuffer(body, nil)
	if err != nil {
		return fmt.Errorf("read the result: %w", err)
	}
	defer img.Close()
	format := strings.NewReplacer("heif", "avif").Replace(string(img.Format()))
	if img.Width() != j.Width || j.Height > 0 && img.Height() != j.Height || format != j.Format {
		return fmt.Errorf("the result is a %s of %d×%d, not a %s of %d×%d", format, img.Width(), img.Height(),
			j.Format, j.Width, j.Height)
	}
	return nil
}

// steadyRate is pictures a second from the completion of the first few to the last, so that neither the beginning nor
// the end is thinner than the rest.
func steadyRate(done []time.Time) float64 {
	last := len(done) - 1
	return float64(last-inFlight+1) / done[last].Sub(done[inFlight-1]).Seconds()
}

// drive makes pictures until there is no next one; next gets the number of those that are done. It gives the times of
// completion, in order, and the sum of the sizes.
func (r *renders) drive(ctx context.Context, p *peers.Renderer, next func(done int) (peers.Job, bool)) (done []time.Time, sizes int, err error) {
	var mu sync.Mutex // guards the results, and next
	err = r.fly(ctx, p, func() (peers.Job, bool) {
		mu.Lock()
		defer mu.Unlock()
		return next(len(done))
	}, func(_ peers.Job, body []byte) {
		mu.Lock()
		defer mu.Unlock()
		done, sizes = append(done, time.Now()), sizes+len(body)
	})
	slices.SortFunc(done, time.Time.Compare)
	return done, sizes, err
}

// fly keeps jobs in flight until there is no next one, or one fails.
func (r *renders) fly(ctx context.Context, p *peers.Renderer, next func() (peers.Job, bool), made func(peers.Job, []byte)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var flying sync.WaitGroup
	for range inFlight {
		flying.Go(func() {
			for ctx.Err() == nil {
				j, ok := next()
				if !ok {
					return
				}
				body, err := p.Do(ctx, j)
				if err != nil {
					cancel(err)
					return
				}
				made(j, body)
			}
		})
	}
	flying.Wait()
	return context.Cause(ctx)
}
