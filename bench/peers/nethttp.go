package peers

import (
	"context"
	"net/http"
	"strconv"
)

// StartNetHTTP starts the same bare handler on Go's own server.
func StartNetHTTP(ctx context.Context, at Place, answers []Answer) (*Server, error) {
	return startSelf(ctx, at, "nethttp", answers)
}

// ServeNetHTTP answers until it fails.
func ServeNetHTTP(address, answersFile string) error {
	answers, err := readAnswers(answersFile)
	if err != nil {
		return err
	}
	type ready struct {
		header http.Header
		etag   string
		body   []byte
	}
	byTarget := map[string]*ready{}
	for _, a := range answers {
		r := &ready{header: http.Header{}, etag: a.Get("Etag"), body: a.Body}
		for _, f := range a.Header {
			r.header[f.Name] = []string{f.Value}
		}
		byTarget[a.Target] = r
	}
	handler := func(w http.ResponseWriter, req *http.Request) {
		r, ok := byTarget[req.RequestURI]
		if !ok {
			http.NotFound(w, req)
			return
		}
		h := w.Header()
		for name, values := range r.header {
			h[name] = values // shared: net/http only reads it
		}
		if tag := req.Header.Get("If-None-Match"); tag != "" && tag == r.etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		h["Content-Length"] = []string{strconv.Itoa(len(r.body))}
		_, _ = w.Write(r.body) // a client that went away is its own affair
	}
	return http.ListenAndServe(address, http.HandlerFunc(handler))
}
