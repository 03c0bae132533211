package peers

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Job is one picture to be made.
type Job struct {
	Source  string // name of the original, without folder and extension
	Width   int
	Height  int    // 0 follows the aspect ratio; else the picture is cropped to the box
	Format  string // jpeg, webp or avif
	Quality int
	Effort  int // of WebP and AVIF, as libvips counts it
}

// extension is the format's usual name in files and in some URLs.
func (j Job) extension() string {
	if j.Format == "jpeg" {
		return "jpg"
	}
	return j.Format
}

// Renderer makes pictures. Do may be called by several goroutines.
type Renderer struct {
	Pid      int // whose processor time and memory, with its children's, the work costs
	Settings Settings
	Do       func(ctx context.Context, j Job) ([]byte, error)
	Stop     func()
}

// Settings tell how a renderer's encoders are set beside the edge's. The quality is the job's for all.
type Settings struct {
	JPEG, WebP, AVIF string
	Rest             string // what else is different
}

// same is a setting that is the edge's: JPEG baseline, 4:2:0, with Huffman tables of its own; WebP with the effort that
// is asked for; AVIF of 8 bits, 4:2:0, effort 0.
const same = "the same"

// renderClient keeps enough connections open.
var renderClient = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// overHTTP makes a renderer of a server and the URLs of its jobs.
func overHTTP(s *Server, settings Settings, target func(Job) string) *Renderer {
	return &Renderer{Pid: s.Pid, Settings: settings, Stop: s.Stop, Do: func(ctx context.Context, j Job) ([]byte, error) {
		return Fetch(ctx, "http://"+s.Address+target(j))
	}}
}

// Fetch gives the body of a URL that answers 200.
func Fetch(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := renderClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", url, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d: %.200s", url, resp.StatusCode, body)
	}
	return body, nil
}

// EdgeTarget is a job as an edge's path. The quality is named; the efforts are the edge's own, see Job.Effort.
func EdgeTarget(j Job) string {
	size := fmt.Sprintf("w_%d", j.Width)
	if j.Height > 0 {
		size += fmt.Sprintf(",h_%d,c_fill", j.Height)
	}
	return fmt.Sprintf("/v1/image/%s,q_%d,f_%s/%s", size, j.Quality, j.extension(), j.Source)
}

// thumborTarget is a job in the path language that thumbor and imagor share.
func thumborTarget(j Job) string {
	return fmt.Sprintf("/unsafe/%dx%d/filters:quality(%d):format(%s)/%s.jpg", j.Width, j.Height, j.Quality, j.Format, j.Source)
}
