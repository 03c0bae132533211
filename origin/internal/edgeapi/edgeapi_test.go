package edgeapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/server/servertest"
	"github.com/pictor/pictor/shared/cluster"
	"github.com/pictor/pictor/shared/wire"
)

// edge is a client of an origin's edge API.
type edge struct {
	*servertest.Origin
	who  origin.Principal
	http *http.Client
}

func newEdge(t *testing.T) *edge {
	o := servertest.Start(t, servertest.Options{})
	who, _ := o.Admin(t)
	return &edge{o, who, clientOf(t, o.Cluster)}
}

func clientOf(t *testing.T, key cluster.Key) *http.Client {
	t.Helper()
	_, config, err := key.TLS()
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 2 * time.Minute}
}

func (e *edge) do(t *testing.T, method, path string, body io.Reader, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "https://"+e.EdgeAddr().String()+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	resp, err := e.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// get decodes an answer into what it must be, and gives its status.
func get[T any](t *testing.T, e *edge, path string) (status int, value T) {
	t.Helper()
	resp := e.do(t, http.MethodGet, path, nil)
	if err := json.NewDecoder(resp.Body).Decode(&value); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, value
}

// upload makes an asset of a picture.
func (e *edge) upload(t *testing.T, publicID string, picture []byte) origin.Asset {
	t.Helper()
	received, err := e.Core.Receive(context.Background(), e.who, "a.png", bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	defer received.Discard()
	asset, _, err := e.Core.CreateAsset(context.Background(), e.who, received, origin.AssetFields{PublicID: publicID,
		Overwrite: true})
	if err != nil {
		t.Fatal(err)
	}
	return asset
}

func cloud(name string) wire.Name { return wire.Name{Namespace: wire.NamespaceCloud, Name: name} }

func TestStrangersCannotConnect(t *testing.T) {
	e := newEdge(t)
	target := "https://" + e.EdgeAddr().String() + wire.PathKeyring
	stranger := clientOf(t, cluster.Key(strings.Repeat("another key ", 4)))
	if resp, err := stranger.Get(target); err == nil {
		t.Errorf("with another key: got %d", resp.StatusCode)
	}
	// Without a certificate the handshake of TLS 1.3 may look good to the client; it must not get an answer.
	_, config, err := e.Cluster.TLS()
	if err != nil {
		t.Fatal(err)
	}
	config.Certificates = nil
	nameless := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	if resp, err := nameless.Get(target); err == nil {
		t.Errorf("without a certificate: got %d", resp.StatusCode)
	}
	if resp, err := http.Get("http://" + e.EdgeAddr().String() + wire.PathKeyring); err == nil && resp.StatusCode == 200 {
		t.Error("without TLS: got the key ring")
	}
}

func TestManifest(t *testing.T) {
	e := newEdge(t)
	asset := e.upload(t, "spring/tulip", servertest.PNG(40, 30))
	status, manifest := get[wire.Manifest](t, e, wire.PathManifest+"?ns=cloud&name=spring/tulip")
	want := wire.Manifest{Name: cloud("spring/tulip"), Seq: 1, Asset: asset.ID, Account: e.who.Account.ID, Version: 1,
		Visibility: wire.Public, UpdatedAt: asset.UpdatedAt.Unix(), Source: asset.Source, Inspect: true}
	if diff := cmp.Diff(want, manifest); status != http.StatusOK || diff != "" {
		t.Errorf("got %d: %s", status, diff)
	}
	status, missing := get[wire.NotFound](t, e, wire.PathManifest+"?ns=cloud&name=autumn")
	if status != http.StatusNotFound || missing.Seq != 1 {
		t.Errorf("missing name: got %d %+v, want 404 read at 1", status, missing)
	}
	if status, _ := get[wire.NotFound](t, e, wire.PathManifest); status != http.StatusNotFound {
		t.Errorf("no name: got %d, want 404", status)
	}
}

func TestBlob(t *testing.T) {
	e := newEdge(t)
	picture := servertest.PNG(40, 30)
	path := wire.PathBlob + e.upload(t, "a", picture).Digest
	tests := []struct {
		headers []string
		status  int
		body    []byte
	}{
		{nil, http.StatusOK, picture},
		{[]string{"Range: bytes=100-199"}, http.StatusPartialContent, picture[100:200]},
		{[]string{"Range: bytes=4000-"}, http.StatusPartialContent, picture[4000:]},
		{[]string{"Range: bytes=-10"}, http.StatusPartialContent, picture[len(picture)-10:]},
		{[]string{"Range: bytes=99999-"}, http.StatusRequestedRangeNotSatisfiable, nil},
	}
	for _, tt := range tests {
		resp := e.do(t, http.MethodGet, path, nil, tt.headers...)
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != tt.status || tt.body != nil && !bytes.Equal(body, tt.body) {
			t.Errorf("%q: got %d with %d bytes, %v", tt.headers, resp.StatusCode, len(body), err)
		}
		if kind := resp.Header.Get("Content-Type"); tt.body != nil && kind != "application/octet-stream" {
			t.Errorf("%q: Content-Type is %s", tt.headers, kind)
		}
	}
}

func TestBlobsThatAreNot(t *testing.T) {
	e := newEdge(t)
	for _, digest := range []string{strings.Repeat("0", 64), "x", "..%2F..%2Fpictor.db", strings.Repeat("A", 64),
		strings.Repeat("0", 63) + "%00"} {
		if resp := e.do(t, http.MethodGet, wire.PathBlob+digest, nil); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: got %d, want 404", digest, resp.StatusCode)
		}
	}
}

func TestKeyring(t *testing.T) {
	e := newEdge(t)
	status, ring := get[wire.Keyring](t, e, wire.PathKeyring)
	if status != http.StatusOK || len(ring.Keys) != 1 || len(ring.Keys[0].Secret) < 32 {
		t.Errorf("got %d with %d keys", status, len(ring.Keys))
	}
}

func TestUsageCountsOnce(t *testing.T) {
	e := newEdge(t)
	batch := fmt.Sprintf(`{"id":"b1","edge":"e1","new_field":1,"entries":[{"account":%q,"day":%q,"requests":3,"bytes":5000}]}`,
		e.who.Account.ID, e.Clock.Now().Format(time.DateOnly))
	for range 2 {
		if resp := e.do(t, http.MethodPost, wire.PathUsage, strings.NewReader(batch)); resp.StatusCode != http.StatusNoContent {
			t.Errorf("got %d, want 204", resp.StatusCode)
		}
	}
	sum, _, err := e.Core.Usage(context.Background(), e.who, false)
	if err != nil || sum.Requests != 3 || sum.BandwidthBytes != 5000 {
		t.Errorf("got %+v, %v, want 3 requests of 5000 bytes", sum, err)
	}
}

func TestUsageRefuses(t *testing.T) {
	e := newEdge(t)
	for body, want := range map[string]int{
		``:          http.StatusBadRequest,
		`{"id":""}`: http.StatusBadRequest,
		`{"id":"b","entries":[{"account":"a","day":"today"}]}`: http.StatusBadRequest,
		`{"id":"` + strings.Repeat("b", 9<<20) + `"}`:          http.StatusRequestEntityTooLarge,
	} {
		if resp := e.do(t, http.MethodPost, wire.PathUsage, strings.NewReader(body)); resp.StatusCode != want {
			t.Errorf("%.50s: got %d, want %d", body, resp.StatusCode, want)
		}
	}
}

// feed reads the lines of a change stream.
type feed struct {
	t     *testing.T
	lines *bufio.Scanner
}

func (e *edge) follow(t *testing.T, after uint64) *feed {
	t.Helper()
	resp := e.do(t, http.MethodGet, fmt.Sprintf("%s?after=%d", wire.PathChanges, after), nil)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("got %d", resp.StatusCode)
	}
	return &feed{t, bufio.NewScanner(resp.Body)}
}

func (f *feed) next() wire.Change {
	f.t.Helper()
	if !f.lines.Scan() {
		f.t.Fatalf("the stream ended: %v", f.lines.Err())
	}
	var change wire.Change
	if err := json.Unmarshal(f.lines.Bytes(), &change); err != nil {
		f.t.Fatal(err)
	}
	return change
}

// nextName skips heartbeats.
func (f *feed) nextName() wire.Change {
	f.t.Helper()
	for {
		if change := f.next(); change.Name != nil {
			return change
		}
	}
}

func TestChangesBeginAtOnce(t *testing.T) {
	e := newEdge(t)
	var beat wire.Change
	quickest := time.Hour
	for range 5 { // a busy machine may be late once
		start := time.Now()
		beat = e.follow(t, 0).next()
		quickest = min(quickest, time.Since(start))
	}
	if beat.Name != nil || beat.Seq != 0 || beat.Epoch == "" {
		t.Errorf("got %+v, want a heartbeat of an empty log", beat)
	}
	if quickest > 500*time.Millisecond {
		t.Errorf("the first line took %s", quickest)
	}
	if off := time.Since(time.UnixMilli(beat.Now)); off < -time.Minute || off > time.Minute {
		t.Errorf("the origin's clock is off by %s", off)
	}
}

func TestChangesCatchUpThenFollow(t *testing.T) {
	e := newEdge(t)
	for _, id := range []string{"a", "b", "c"} {
		e.upload(t, id, servertest.PNG(10, 10))
	}
	f := e.follow(t, 1)
	for i, want := range []string{"b", "c"} {
		if change := f.next(); change.Name == nil || *change.Name != cloud(want) || change.Seq != uint64(i+2) {
			t.Fatalf("got %+v, want %s at %d", change, want, i+2)
		}
	}
	if beat := f.next(); beat.Name != nil || beat.Seq != 3 {
		t.Fatalf("got %+v, want the heartbeat of having caught up", beat)
	}
	start := time.Now()
	if err := e.Core.DeleteAsset(context.Background(), e.who, "a"); err != nil {
		t.Fatal(err)
	}
	if change := f.nextName(); *change.Name != cloud("a") || change.Seq != 4 {
		t.Errorf("got %+v, want a at 4", change)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("the change took %s, want less than a second on an idle machine", took)
	}
}

// A change of the signing keys is a row of the log, so that an edge that was away hears of it too.
func TestChangesOfKeys(t *testing.T) {
	e := newEdge(t)
	e.upload(t, "a", servertest.PNG(10, 10))
	before := e.follow(t, 1)
	keys, err := e.Core.RotateSigningKey(context.Background(), e.who, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []*feed{before, e.follow(t, 1)} {
		if change := f.nextName(); !change.Keys || *change.Name != wire.KeyringName || change.Seq != 2 {
			t.Errorf("got %+v, want keys at 2", change)
		}
	}
	if _, ring := get[wire.Keyring](t, e, wire.PathKeyring); len(ring.Keys) != 2 || ring.Keys[1].ID != keys[0].ID {
		t.Errorf("got %d keys, want the new one after the one that signs", len(ring.Keys))
	}
}

func TestHeartbeatEachSecond(t *testing.T) {
	f := newEdge(t).follow(t, 0)
	f.next()
	var took []time.Duration
	for range 10 { // of which a busy machine may delay some
		start := time.Now()
		f.next()
		last := time.Since(start)
		if last > 500*time.Millisecond && last < 2*time.Second {
			return
		}
		took = append(took, last)
	}
	t.Errorf("heartbeats came after %v, want about a second", took)
}

// An edge that knows of numbers that there are not hears where the log ends, and then what follows.
func TestChangesAfterTheEnd(t *testing.T) {
	e := newEdge(t)
	e.upload(t, "a", servertest.PNG(10, 10))
	for _, after := range []uint64{2, 1 << 40, 1<<64 - 1} {
		f := e.follow(t, after)
		if beat := f.next(); beat.Name != nil || beat.Seq != 1 {
			t.Fatalf("after %d: got %+v, want a heartbeat at 1", after, beat)
		}
	}
	f := e.follow(t, 1<<64-1)
	f.next()
	e.upload(t, "b", servertest.PNG(10, 10))
	if change := f.nextName(); change.Seq != 2 || *change.Name != cloud("b") {
		t.Errorf("got %+v, want b at 2", change)
	}
}

// More changes than one read of the log takes.
func TestChangesInBulk(t *testing.T) {
	e := newEdge(t)
	const all = 120
	for i := range all {
		e.upload(t, fmt.Sprint("n", i), servertest.GIF(8, 8))
	}
	f := e.follow(t, 0)
	for i := range all {
		if change := f.next(); change.Name == nil || *change.Name != cloud(fmt.Sprint("n", i)) || change.Seq != uint64(i+1) {
			t.Fatalf("got %+v, want change %d", change, i+1)
		}
	}
	if beat := f.next(); beat.Name != nil || beat.Seq != all {
		t.Errorf("got %+v, want the heartbeat of having caught up", beat)
	}
}

func TestChangesWantANumber(t *testing.T) {
	e := newEdge(t)
	for _, after := range []string{"", "-1", "1.5", "x", "99999999999999999999"} {
		if resp := e.do(t, http.MethodGet, wire.PathChanges+"?after="+after, nil); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: got %d, want 400", after, resp.StatusCode)
		}
	}
}

func TestStreamsEndWithTheOrigin(t *testing.T) {
	e := newEdge(t)
	f := e.follow(t, 0)
	f.next()
	start := time.Now()
	if err := e.Stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("the origin waited %s for a stream", took)
	}
	for f.lines.Scan() {
	}
	if err := f.lines.Err(); err != nil {
		t.Errorf("the stream broke off instead of ending: %v", err)
	}
}
