package server_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/server/servertest"
)

func TestLongAnswersArePacked(t *testing.T) {
	o := servertest.Start(t, servertest.Options{})
	admin, _ := o.Admin(t)
	key := o.Key(t, admin)
	for i := range 20 {
		received, err := o.Core.Receive(t.Context(), admin, "x.png", bytes.NewReader(servertest.PNG(4+i, 4)))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := o.Core.CreateAsset(t.Context(), admin, received, origin.AssetFields{PublicID: fmt.Sprintf("p%d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	plain := fetch(t, o.URL+"/v1/assets", key, "identity", func(r io.Reader) io.Reader { return r })
	for encoding, unpack := range map[string]func(io.Reader) io.Reader{
		"gzip": func(r io.Reader) io.Reader {
			z, err := gzip.NewReader(r)
			if err != nil {
				t.Fatal(err)
			}
			return z
		},
		"zstd": func(r io.Reader) io.Reader {
			z, err := zstd.NewReader(r)
			if err != nil {
				t.Fatal(err)
			}
			return z
		},
	} {
		if got := fetch(t, o.URL+"/v1/assets", key, encoding, unpack); got != plain {
			t.Errorf("%s: unpacked it is another answer: %q", encoding, got)
		}
	}
}

// fetch asks for an encoding and demands to get it.
func fetch(t *testing.T, url, key, encoding string, unpack func(io.Reader) io.Reader) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "ApiKey "+key)
	req.Header.Set("Accept-Encoding", encoding)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Encoding"); resp.StatusCode != http.StatusOK || encoding != "identity" && got != encoding {
		t.Fatalf("%s: %d, Content-Encoding %q", encoding, resp.StatusCode, got)
	}
	body, err := io.ReadAll(unpack(resp.Body))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
