package imgcloud_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
	"github.com/pictor/pictor/origin/internal/server/servertest"
)

// uploader is an origin with somebody who uploads.
type uploader struct {
	*servertest.Origin
	who origin.Principal
	key string
}

func newUploader(t *testing.T, opt servertest.Options) *uploader {
	o := servertest.Start(t, opt)
	who, _ := o.Admin(t)
	return &uploader{o, who, o.Key(t, who)}
}

// form makes the body of an upload.
func form(t *testing.T, file []byte, fields ...string) (body []byte, contentType string) {
	t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	part, err := w.CreateFormFile("file", "photo.png")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(file)
	for _, field := range fields {
		name, value, _ := strings.Cut(field, "=")
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), w.FormDataContentType()
}

func (u *uploader) upload(t *testing.T, file []byte, fields ...string) (status int, answer map[string]any) {
	t.Helper()
	body, kind := form(t, file, fields...)
	r, err := http.NewRequest(http.MethodPost, u.URL+"/v1/upload", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Authorization", "ApiKey "+u.key)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return 0, nil
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Error(err)
	}
	return resp.StatusCode, answer
}

// dial sends the head of an upload of so many bytes, and nothing of it yet.
func (u *uploader) dial(t *testing.T, contentType string, length int, headers ...string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", u.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(conn, "POST /v1/upload HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n\r\n",
		contentType, length, strings.Join(append(headers, "Authorization: ApiKey "+u.key), "\r\n"))
	return conn
}

// stored lists the files that uploads have left.
func (u *uploader) stored(t *testing.T) (files []string) {
	t.Helper()
	err := filepath.WalkDir(u.Blobs, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func (u *uploader) assets(t *testing.T) []origin.Asset {
	t.Helper()
	list, _, err := u.Core.ListAssets(context.Background(), u.who, origin.ListAssets{})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestOneOfManyGetsTheName(t *testing.T) {
	u := newUploader(t, servertest.Options{})
	picture := servertest.PNG(40, 30)
	const clients = 16
	var all sync.WaitGroup
	statuses := make(chan int, clients)
	for range clients {
		all.Go(func() {
			status, _ := u.upload(t, picture, "public_id=wanted")
			statuses <- status
		})
	}
	all.Wait()
	close(statuses)
	count := map[int]int{}
	for status := range statuses {
		count[status]++
	}
	if count[http.StatusCreated] != 1 || count[http.StatusConflict] != clients-1 {
		t.Errorf("statuses %v, want one 201 and %d times 409", count, clients-1)
	}
	if files := u.stored(t); len(files) != 1 {
		t.Errorf("%d files are stored, want 1: %v", len(files), files)
	}
}

func TestOverwritesAreCountedOneByOne(t *testing.T) {
	u := newUploader(t, servertest.Options{})
	const clients = 16
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			if status, answer := u.upload(t, servertest.PNG(10+i, 10), "public_id=x", "overwrite=true"); status != 201 {
				t.Errorf("got %d %v", status, answer)
			}
		})
	}
	all.Wait()
	if list := u.assets(t); len(list) != 1 || list[0].Version != clients {
		t.Errorf("got %+v, want one asset of version %d", list, clients)
	}
}

// eventually waits for what other goroutines have yet to do.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

func TestInterruptedUploadLeavesNothing(t *testing.T) {
	u := newUploader(t, servertest.Options{})
	body, kind := form(t, servertest.PNG(300, 300), "public_id=half")
	for _, share := range []int{1, 300, len(body) / 2, len(body) - 3} {
		conn := u.dial(t, kind, len(body))
		if _, err := conn.Write(body[:share]); err != nil {
			t.Fatal(err)
		}
		if share > len(body)/4 {
			eventually(t, "the upload has begun", func() bool { return len(u.stored(t)) > 0 })
		}
		conn.Close()
		eventually(t, fmt.Sprintf("nothing is left of %d bytes", share), func() bool { return len(u.stored(t)) == 0 })
	}
	if list := u.assets(t); len(list) != 0 {
		t.Errorf("there are assets: %+v", list)
	}
	if strings.Contains(u.Log.String(), "level=ERROR") {
		t.Errorf("clients that hang up are logged as our fault: %s", u.Log)
	}
}

// A refused upload must not leave its file behind either.
func TestRefusedUploadLeavesNothing(t *testing.T) {
	u := newUploader(t, servertest.Options{MaxUploadBytes: 64 << 10})
	for _, fields := range [][]string{{"public_id=.."}, {"overwrite=maybe"}, {"color=red"}, {"tags=a", "tags=b"}} {
		if status, _ := u.upload(t, servertest.PNG(40, 30), fields...); status != http.StatusBadRequest {
			t.Errorf("%q: got %d, want 400", fields, status)
		}
	}
	if status, _ := u.upload(t, servertest.PNG(200, 200)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("over the cap: got %d, want 413", status)
	}
	if status, _ := u.upload(t, []byte("<svg/>")); status != http.StatusUnsupportedMediaType {
		t.Errorf("not a picture: got %d, want 415", status)
	}
	if files := u.stored(t); len(files) != 0 {
		t.Errorf("files are left: %v", files)
	}
}

func readAnswer(t *testing.T, conn net.Conn) *http.Response {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// Who says that the upload is too large is told so before sending it; who may not upload, too.
func TestEarlyRefusal(t *testing.T) {
	u := newUploader(t, servertest.Options{MaxUploadBytes: 64 << 10})
	conn := u.dial(t, "multipart/form-data; boundary=b", 10<<30)
	if resp := readAnswer(t, conn); resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("10 GiB: got %d, want 413", resp.StatusCode)
	}
	u.key = "ck_nobody:cs_nothing"
	conn = u.dial(t, "multipart/form-data; boundary=b", 1<<10, "Expect: 100-continue")
	if resp := readAnswer(t, conn); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("stranger: got %d, want 401", resp.StatusCode)
	}
}

// A body without a length that never ends is cut off at the cap.
func TestEndlessUpload(t *testing.T) {
	u := newUploader(t, servertest.Options{MaxUploadBytes: 64 << 10})
	conn, err := net.Dial("tcp", u.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(conn, "POST /v1/upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nAuthorization: ApiKey %s\r\n"+
		"Content-Type: multipart/form-data; boundary=b\r\n\r\n", u.key)
	go func() {
		chunk := func(text string) error {
			_, err := fmt.Fprintf(conn, "%x\r\n%s\r\n", len(text), text)
			return err
		}
		err := chunk("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n")
		for err == nil {
			err = chunk(strings.Repeat("x", 4096))
		}
	}()
	if resp := readAnswer(t, conn); resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d, want 413", resp.StatusCode)
	}
	eventually(t, "nothing is left", func() bool { return len(u.stored(t)) == 0 })
}

// Whatever stands around the file, it is stored byte for byte.
func TestUploadKeepsEveryByte(t *testing.T) {
	u := newUploader(t, servertest.Options{MaxUploadBytes: 8 << 20})
	picture := servertest.PNG(700, 600) // more than one chunk
	if status, answer := u.upload(t, picture, "public_id=big", "tags="+strings.Repeat("a", 99)); status != 201 {
		t.Fatalf("got %d %v", status, answer)
	}
	asset := u.assets(t)[0]
	blob, err := u.Core.OpenBlob(context.Background(), asset.Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	stored, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size()))
	if err != nil || !bytes.Equal(stored, picture) {
		t.Errorf("%d bytes are stored, %d were sent: %v", len(stored), len(picture), err)
	}
}

func TestCookieIsSecureBehindTLS(t *testing.T) {
	login := func(o *servertest.Origin, headers map[string]string) *http.Cookie {
		body := fmt.Sprintf(`{"email":%q,"password":%q}`, servertest.AdminEmail, servertest.AdminPassword)
		r, err := http.NewRequest(http.MethodPost, o.URL+"/v1/auth/login", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		for name, value := range headers {
			r.Header.Set(name, value)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if len(resp.Cookies()) != 1 {
			t.Fatalf("got %d and %d cookies", resp.StatusCode, len(resp.Cookies()))
		}
		return resp.Cookies()[0]
	}
	public := servertest.Start(t, servertest.Options{PublicURL: "https://images.example.com"})
	if !login(public, nil).Secure {
		t.Error("an https origin gives cookies for http")
	}
	if !login(public, map[string]string{"Origin": "https://images.example.com"}).Secure {
		t.Error("an https origin gives cookies for http")
	}
	proxies, err := kit.ParseProxies([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	proxied := servertest.Start(t, servertest.Options{Proxies: proxies})
	if !login(proxied, map[string]string{"X-Forwarded-Proto": "https"}).Secure {
		t.Error("TLS at a trusted proxy is not seen")
	}
	if login(proxied, nil).Secure {
		t.Error("the cookie is lost on plain http")
	}
}

// The limit by address must follow the client behind a trusted proxy, and nobody else's word.
func TestUploadLimitFollowsTheClient(t *testing.T) {
	limits := origin.Limits{origin.LimitUploadIP: {Count: 1, Per: time.Minute}}
	proxies, err := kit.ParseProxies([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		proxies kit.Proxies
		second  int
	}{{proxies, http.StatusCreated}, {kit.Proxies{}, http.StatusTooManyRequests}} {
		u := newUploader(t, servertest.Options{Limits: limits, Proxies: tt.proxies})
		for i, want := range []int{http.StatusCreated, tt.second} {
			body, kind := form(t, servertest.PNG(10, 10))
			conn := u.dial(t, kind, len(body), fmt.Sprintf("X-Forwarded-For: 203.0.113.%d", i))
			if _, err := conn.Write(body); err != nil {
				t.Fatal(err)
			}
			if resp := readAnswer(t, conn); resp.StatusCode != want {
				t.Errorf("proxies %v, client %d: got %d, want %d", tt.proxies, i, resp.StatusCode, want)
			}
		}
	}
}
