package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/bench/picture"
	"github.com/pictor/pictor/bench/proc"
)

// page runs in the browser, from another site than the pictures. It asks the test for the edge's counts in between.
const page = `<!doctype html><script type="module">
const edge = EDGE, result = {}
const count = async status => Number(await (await fetch('/count?status=' + status, {cache: 'no-store'})).text())
const answers = async (status, ask) => {
	const before = await count(status)
	await ask()
	return await count(status) - before
}
const load = async (path, init) => {
	const r = await fetch(edge + path, init)
	return {status: r.status, size: (await r.arrayBuffer()).byteLength}
}
const twice = async path => { await load(path); await load(path) }
const pause = ms => new Promise(done => setTimeout(done, ms))
try {
	result.versioned = await answers(200, () => twice(VERSIONED))
	result.private = await answers(200, () => twice(PRIVATE))
	result.forbidden = await answers(403, () => twice('/v1/image/secret'))
	result.part = await load(VERSIONED, {headers: {Range: 'bytes=0-9'}, cache: 'no-store'})
	result.asked = await answers(206, async () => { // what is kept whole is cut up without a question
		result.cut = await load(VERSIONED, {headers: {Range: 'bytes=5-24'}})
	})
	await load('/v1/image/w_31/photo')
	await pause(2500)
	result.changed = await answers(304, async () => { result.revalidated = await load('/v1/image/w_31/photo') })
	const picture = new Image()
	picture.crossOrigin = 'anonymous'
	picture.src = edge + '/v1/image/w_32,f_auto/photo'
	await picture.decode()
	const canvas = document.createElement('canvas').getContext('2d')
	canvas.drawImage(picture, 0, 0)
	result.pixels = canvas.getImageData(0, 0, 1, 1).data.length
	const plain = new Image() // without CORS: the page's own policy asks for Cross-Origin-Resource-Policy
	plain.src = edge + '/v1/image/w_33/photo'
	await plain.decode()
	result.plain = plain.naturalWidth
	const timing = performance.getEntriesByName(plain.src)[0]
	result.timing = timing.encodedBodySize > 0 && timing.serverTiming.length === 1
} catch (e) {
	result.failed = String(e)
}
await fetch('/done', {method: 'POST', body: JSON.stringify(result)})
</script>`

// Chromium stores, asks again, and leaves alone what the headers say; and a page of another site may use a picture.
func TestBrowser(t *testing.T) {
	chromium := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			chromium = path
			break
		}
	}
	if chromium == "" {
		t.Skip("Chromium is not installed (apt-get install chromium)")
	}
	s := start(t, 1, "PICTOR_EDGE_PUBLIC_AGE=2s", "PICTOR_EDGE_STALE_WHILE_REVALIDATE=0s")
	c := signIn(t, s)
	asset := upload(t, c, "p.png", picture.PNG(picture.Photo(120, 80, 1)), map[string]string{"public_id": "photo"})
	upload(t, c, "s.png", picture.PNG(picture.Photo(120, 80, 2)),
		map[string]string{"public_id": "secret", "visibility": "private"})
	signed, err := c.Sign(context.Background(), "secret", "w_20", 3600)
	if err != nil {
		t.Fatal(err)
	}
	edge := s.Edges[0].URL
	html := strings.NewReplacer("EDGE", strconv.Quote(edge), "PRIVATE", strconv.Quote(strings.TrimPrefix(signed, edge)),
		"VERSIONED", fmt.Sprintf("%q", fmt.Sprintf("/v1/image/w_30/photo?v=%d", asset.Version))).Replace(page)
	done := make(chan []byte, 1)
	site := http.NewServeMux()
	site.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Cross-Origin-Embedder-Policy", "require-corp")
		io.WriteString(w, html)
	})
	site.HandleFunc("GET /count", func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.FormValue("status"))
		fmt.Fprint(w, answersWith(t, s.Edges[0], status))
	})
	site.HandleFunc("POST /done", func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		done <- body
	})
	server := httptest.NewServer(site)
	defer server.Close()
	dir := t.TempDir()
	p, err := proc.Start(proc.Spec{Name: "chromium", Path: chromium, Dir: dir, Log: filepath.Join(dir, "log"), CPU: -1,
		Args: []string{"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
			"--disable-background-networking", "--disable-component-update", "--user-data-dir=" + filepath.Join(dir, "profile"),
			strings.Replace(server.URL, "127.0.0.1", "localhost", 1)}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	var got []byte
	select {
	case got = <-done:
	case <-time.After(2 * time.Minute):
		t.Fatal("the page did not come to its end")
	}
	var result map[string]any
	if err := json.Unmarshal(got, &result); err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]string{
		"versioned": "1", "private": "1", "forbidden": "2", "part": "map[size:10 status:206]",
		"asked": "0", "cut": "map[size:20 status:206]", "changed": "1", "pixels": "4",
		"plain": "33", "timing": "true", "failed": "<nil>",
	} {
		if fmt.Sprint(result[what]) != want {
			t.Errorf("%s: %v, want %s", what, result[what], want)
		}
	}
	again := fmt.Sprint(result["revalidated"])
	if !strings.Contains(again, "status:200") || strings.Contains(again, "size:0") {
		t.Errorf("after a 304 the page has %s", again)
	}
}
