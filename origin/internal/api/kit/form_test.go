package kit

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pictor/pictor/origin"
)

var testForm = Form{File: "file", Fields: []string{"folder", "tags"}}

// multipartRequest joins parts, each a «name[;filename]=content», with the boundary «b».
func multipartRequest(parts ...string) *http.Request {
	var body strings.Builder
	for _, part := range parts {
		name, content, _ := strings.Cut(part, "=")
		name, file, isFile := strings.Cut(name, ";")
		fmt.Fprintf(&body, "--b\r\nContent-Disposition: form-data; name=%q", name)
		if isFile {
			fmt.Fprintf(&body, "; filename=%q", file)
		}
		fmt.Fprintf(&body, "\r\n\r\n%s\r\n", content)
	}
	body.WriteString("--b--\r\n")
	return rawForm(body.String())
}

func rawForm(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	return r
}

// readForm gives what a form's file and fields were read as.
func readForm(r *http.Request) (filename, content string, values map[string]string, err error) {
	values, err = testForm.Read(r, func(name string, file io.Reader) error {
		text, err := io.ReadAll(file)
		filename, content = name, string(text)
		return err
	})
	return filename, content, values, err
}

func TestFormTakesFieldsInAnyOrder(t *testing.T) {
	want := map[string]string{"folder": "a/b", "tags": "x,y"}
	for _, parts := range [][]string{
		{"file;p.jpg=bytes\r\n--bx", "folder=a/b", "tags=x,y"},
		{"folder=a/b", "file;p.jpg=bytes\r\n--bx", "tags=x,y"},
		{"folder=a/b", "tags=x,y", "file;p.jpg=bytes\r\n--bx"},
	} {
		filename, content, values, err := readForm(multipartRequest(parts...))
		if err != nil || filename != "p.jpg" || content != "bytes\r\n--bx" {
			t.Errorf("%q: got file %q %q, %v", parts, filename, content, err)
		}
		if diff := cmp.Diff(want, values); diff != "" {
			t.Errorf("%q: %s", parts, diff)
		}
	}
}

func TestFormRefuses(t *testing.T) {
	const file = "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n"
	tests := []struct {
		name string
		r    *http.Request
		says string
		kind origin.Kind
	}{
		{"no file", multipartRequest("folder=a"), "file: is missing", origin.Invalid},
		{"nothing", multipartRequest(), "file: is missing", origin.Invalid},
		{"two files", multipartRequest("file;a=1", "file;b=2"), "file: given twice", origin.Invalid},
		{"a field twice", multipartRequest("folder=a", "folder=a", "file;a=1"), "folder: given twice", origin.Invalid},
		{"an unknown field", multipartRequest("file;a=1", "color=red"), `unknown field "color"`, origin.Invalid},
		{"a field without a name", multipartRequest("file;a=1", "=red"), `unknown field ""`, origin.Invalid},
		{"a long field", multipartRequest("tags="+strings.Repeat("a", MaxFieldBytes+1), "file;a=1"), "tags: is longer",
			origin.Invalid},
		{"not UTF-8", multipartRequest("tags=\xff", "file;a=1"), "tags: is not UTF-8", origin.Invalid},
		{"an end that is missing", rawForm(file + "half"), "cut short", origin.Invalid},
		{"an end after the file that is missing", rawForm(file + "all\r\n--b\r\n"), "unknown field", origin.Invalid},
		{"an end in a later part's head", rawForm(file + "all\r\n--b\r\nContent-"), "cut short", origin.Invalid},
		{"no part", rawForm("nothing here"), "cut short", origin.Invalid},
	}
	for _, tt := range tests {
		_, _, _, err := readForm(tt.r)
		if err == nil || origin.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v, want one that says %q", tt.name, err, tt.says)
		}
	}
}

func TestFormWantsItsContentType(t *testing.T) {
	for header, kind := range map[string]origin.Kind{
		"":                                   origin.Unsupported,
		"application/json":                   origin.Unsupported,
		"multipart/mixed; boundary=b":        origin.Unsupported,
		"multipart/form-data":                origin.Invalid,
		"multipart/form-data; boundary=\"\"": origin.Invalid,
	} {
		r := multipartRequest("file;a=1")
		r.Header.Set("Content-Type", header)
		if _, _, _, err := readForm(r); err == nil || origin.KindOf(err) != kind {
			t.Errorf("%q: got %v, want kind %s", header, err, kindNames[kind])
		}
	}
}

func TestFormKeepsTheReceiversError(t *testing.T) {
	want := origin.Errorf(origin.Unsupported, "not a picture")
	_, err := testForm.Read(multipartRequest("file;a=1", "color=red"), func(string, io.Reader) error { return want })
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

// A body over the cap must come out of the file's reader as the client's fault, whoever reads it.
func TestFormOverTheCap(t *testing.T) {
	r := multipartRequest("file;a=" + strings.Repeat("x", 100_000))
	r.Body = http.MaxBytesReader(httptest.NewRecorder(), r.Body, 50_000)
	if _, _, _, err := readForm(r); origin.KindOf(err) != origin.TooLarge {
		t.Errorf("got %v, want TooLarge", err)
	}
}

func FuzzForm(f *testing.F) {
	f.Add("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx\r\n--b--\r\n")
	f.Add("--b\r\n\r\n\r\n--b--")
	f.Add("--b\nContent-Disposition: form-data; name=tags\n\nx\n--b--\n")
	f.Fuzz(func(t *testing.T, body string) {
		_, _, values, err := readForm(rawForm(body))
		if err != nil && origin.KindOf(err) == origin.Internal {
			t.Errorf("%q: a client's fault became ours: %v", body, err)
		}
		if err == nil && len(values) > len(testForm.Fields) {
			t.Errorf("%q: fields that there are not: %v", body, values)
		}
	})
}
