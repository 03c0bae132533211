package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
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
	"github.com/pictor/pictor/bench/proc"
	"github.com/pictor/pictor/bench/report"
	"github.com/pictor/pictor/bench/stack"
)

// kind is a sort of job. The jobs of a kind differ a little in size or quality, so that no cache knows the answer.
type kind struct {
	name string
	job  peers.Job
}

var kinds = []kind{
	{"400×400 JPEG", peers.Job{Width: 400, Height: 400, Format: "jpeg", Quality: 80}},
	{"1200 wide WebP", peers.Job{Width: 1200, Format: "webp", Quality: 80, Effort: 2}},
	{"1200 wide AVIF", peers.Job{Width: 1200, Format: "avif", Quality: 60, Effort: 0}},
}

func kindNames() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// nth is the i-th job of a kind, and whether there are as many.
func (k kind) nth(i int, sources []string) (peers.Job, bool) {
	j := k.job
	j.Source = sources[i%len(sources)]
	i /= len(sources)
	j.Width -= i % 30
	i /= 30
	if j.Height > 0 {
		j.Height -= i % 30
		return j, i < 30
	}
	j.Quality -= i % 8
	return j, i < 8
}

// inFlight is how many jobs are asked for at once.
const inFlight = 4

// A peer that is slow goes on until it has made leastDone pictures, but not longer than slowWait.
const (
	leastDone = 4 * inFlight
	slowWait  = 10 * time.Second
)

const vipsName = "libvips loop"

var renderPeers = []string{edgeName, vipsName, "imagor", "imagor (SIMD on)", "ipx", "thumbor"}

var renderTables = []report.Table{
	{Title: "Renders from 12 megapixels: pictures per second", Scenario: "render", Metric: "rate", Unit: "pictures/s",
		Cases: kindNames(), Peers: renderPeers, Ratios: true,
		Note: "Below each rival: how many times its rate the edge has."},
	{Title: "Renders from 12 megapixels: processor time", Scenario: "render", Metric: "cpu", Unit: "ms per picture",
		Cases: kindNames(), Peers: renderPeers, Ratios: true},
	{Title: "Renders from 12 megapixels: size of a result", Scenario: "render", Metric: "bytes", Unit: "bytes",
		Cases: kindNames(), Peers: renderPeers,
		Note: "Sizes that differ much mean that encoders are set differently; see «How it was measured»."},
}

// renders is the scenario: everybody on all cores, one after the other.
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

// Renders measures how many pictures a second are made of large photographs, with nothing to be found in a cache.
func Renders(ctx context.Context, b *Bench) error {
	r := &renders{Bench: b, peers: map[string]*peers.Renderer{}, asked: map[string]int{}, scenario: "render", kinds: kinds}
	defer r.stop()
	if err := r.findPhotos(); err != nil {
		return err
	}
	if err := r.start(ctx); err != nil {
		return err
	}
	b.rounds(func(round int, order *rand.Rand) {
		for _, k := range shuffled(order, kinds) {
			for _, name := range shuffled(order, renderPeers) {
				if r.peers[name] == nil || ctx.Err() != nil {
					continue
				}
				if err := r.measure(ctx, round, k, name); err != nil {
					r.Fail("render", name, fmt.Errorf("%s: %w", k.name, err))
				}
			}
		}
		b.say("renders: round %d of %d", round+1, b.Rounds)
	})
	b.Tables = append(b.Tables, renderTables...)
	rates := report.FromTable(renderTables[0], &b.Figures, "renders")
	rates.Bars = true
	b.Plots = append(b.Plots, rates)
	b.Notes = append(b.Notes, r.notes()...)
	return ctx.Err()
}

func (r *renders) stop() {
	for _, stop := range r.stops {
		stop()
	}
}

func (r *renders) notes() []string {
	lines := []string{fmt.Sprintf("Renders: %d in flight, all cores, %d photographs (%s), every job with other parameters. JPEG quality 80 "+
		"with optimised Huffman tables, WebP quality 80 effort 2, AVIF quality 60 effort 0, unless a peer says otherwise:",
		inFlight, len(r.names), r.origin())}
	for _, name := range renderPeers {
		if p := r.peers[name]; p != nil && p.Notes != "" {
			lines = append(lines, fmt.Sprintf("%s: %s.", name, p.Notes))
		}
	}
	return lines
}

func (r *renders) origin() string {
	if r.Photos != "" {
		return "from " + r.Photos
	}
	return "synthetic, 4000×3000"
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

func (r *renders) start(ctx context.Context, env ...string) error {
	sources, err := r.place("sources", -1)
	if err != nil {
		return err
	}
	for name, file := range r.photos {
		file, err := filepath.Abs(file)
		if err != nil {
			return err
		}
		if err := os.Symlink(file, filepath.Join(sources.Dir, name+".jpg")); err != nil {
			return err
		}
	}
	s, err := r.edge(ctx, env...)
	if err != nil {
		return err
	}
	r.stops = append(r.stops, s.Stop)
	if err := r.upload(ctx, s); err != nil {
		return err
	}
	base := s.Edges[0].URL
	r.join(ctx, edgeName, func(context.Context, peers.Place) (*peers.Renderer, error) {
		return &peers.Renderer{Pid: s.Edges[0].Pid(), Stop: func() {}, Do: func(ctx context.Context, j peers.Job) ([]byte, error) {
			return peers.Fetch(ctx, base+peers.EdgeTarget(j))
		}}, nil
	})
	r.startRivals(ctx, sources.Dir, runtime.NumCPU())
	return nil
}

func (r *renders) startRivals(ctx context.Context, sources string, cores int) {
	r.join(ctx, vipsName, func(ctx context.Context, at peers.Place) (*peers.Renderer, error) {
		return peers.StartVips(ctx, at, sources, cores)
	})
	r.joinImagor(ctx, "imagor (SIMD on)", "imagor-simd", sources)
	r.join(ctx, "ipx", func(ctx context.Context, at peers.Place) (*peers.Renderer, error) {
		return peers.StartIPX(ctx, at, sources)
	})
	if r.Quick {
		r.Notes = append(r.Notes, "Quick: thumbor, and imagor as it is built by default, were left out; both are slow.")
		return
	}
	r.joinImagor(ctx, "imagor", "imagor", sources)
	r.join(ctx, "thumbor", func(ctx context.Context, at peers.Place) (*peers.Renderer, error) {
		return peers.StartThumbor(ctx, at, sources, cores)
	})
}

func (r *renders) joinImagor(ctx context.Context, name, build, sources string) {
	r.join(ctx, name, func(ctx context.Context, at peers.Place) (*peers.Renderer, error) {
		return peers.StartImagor(ctx, at, sources, build)
	})
}

func (r *renders) upload(ctx context.Context, s *stack.Stack) error {
	c, err := client.SignIn(ctx, s.Origin.URL, s.Admin.Email, s.Admin.Password)
	if err != nil {
		return err
	}
	for _, name := range r.names {
		photo, err := os.ReadFile(r.photos[name])
		if err != nil {
			return err
		}
		if _, err := c.Upload(ctx, name+".jpg", photo, map[string]string{"public_id": name}); err != nil {
			return err
		}
	}
	return nil
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

// measure keeps some jobs in flight for a while. The clock runs from the completion of the first few to the last, so
// that neither the beginning nor the end is thinner than the rest.
func (r *renders) measure(ctx context.Context, round int, k kind, name string) error {
	length := 5 * time.Second
	if r.Quick {
		length = 1500 * time.Millisecond
	}
	p := r.peers[name]
	before, err := proc.CPUTime(p.Pid)
	if err != nil {
		return err
	}
	done, sizes, err := r.drive(ctx, p, length, func() peers.Job { return r.next(name, k) })
	if err != nil {
		return err
	}
	after, err := proc.CPUTime(p.Pid)
	if err != nil {
		return err
	}
	if len(done) < 2*inFlight {
		return fmt.Errorf("only %d pictures in %s", len(done), length+slowWait)
	}
	elapsed := done[len(done)-1].Sub(done[inFlight-1])
	key := func(metric string) report.Key {
		return report.Key{Scenario: "render", Case: k.name, Peer: name, Metric: metric}
	}
	r.Figures.Add(key("rate"), round, float64(len(done)-inFlight)/elapsed.Seconds())
	r.Figures.Add(key("cpu"), round, milliseconds(after-before)/float64(len(done)))
	r.Figures.Add(key("bytes"), round, float64(sizes)/float64(len(done)))
	return nil
}

// drive gives the times of completion, in order, and the sum of the sizes.
func (r *renders) drive(ctx context.Context, p *peers.Renderer, length time.Duration, next func() peers.Job) ([]time.Time, int, error) {
	var mu sync.Mutex // guards what follows, and next
	var done []time.Time
	sizes := 0
	end := time.Now().Add(length)
	err := r.fly(ctx, p, func() (peers.Job, bool) {
		mu.Lock()
		defer mu.Unlock()
		enough := time.Now().After(end) && len(done) >= leastDone
		if enough || time.Now().After(end.Add(slowWait)) {
			return peers.Job{}, false
		}
		return next(), true
	}, func(body []byte) {
		mu.Lock()
		defer mu.Unlock()
		done, sizes = append(done, time.Now()), sizes+len(body)
	})
	slices.SortFunc(done, time.Time.Compare)
	return done, sizes, err
}

// fly keeps jobs in flight until there is no next one, or one fails.
func (r *renders) fly(ctx context.Context, p *peers.Renderer, next func() (peers.Job, bool), made func([]byte)) error {
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
				made(body)
			}
		})
	}
	flying.Wait()
	return context.Cause(ctx)
}
