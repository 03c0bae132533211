package kit

import (
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pictor/pictor/origin"
)

// MaxFieldBytes bounds the value of a form's text field.
const MaxFieldBytes = 16 << 10

// Form describes a multipart upload: one file and some text fields, each at most once, in any order.
type Form struct {
	File   string
	Fields []string
}

// OverheadBytes is what a form's body may be longer than its file: text fields, part headers, boundaries.
func (f Form) OverheadBytes() int64 { return int64(len(f.Fields)+1) * (MaxFieldBytes + 4<<10) }

// Read takes the body apart as it comes. The file goes to receive, which must read it to its end or fail; nothing of it
// is kept here. Text fields are returned. What a failed Read has given to receive must be thrown away: the rest of the
// form is missing.
func (f Form) Read(r *http.Request, receive func(filename string, file io.Reader) error) (map[string]string, error) {
	parts, err := f.open(r)
	if err != nil {
		return nil, err
	}
	values, files := map[string]string{}, 0
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, bodyError(err)
		}
		name := part.FormName()
		if name == f.File {
			if files++; files > 1 {
				return nil, origin.Errorf(origin.Invalid, "%s: given twice", name)
			}
			if err := receive(part.FileName(), formFile{part}); err != nil {
				return nil, err
			}
			continue
		}
		if err := f.keep(values, name, part); err != nil {
			return nil, err
		}
	}
	if files == 0 {
		return nil, origin.Errorf(origin.Invalid, "%s: is missing", f.File)
	}
	return values, nil
}

func (f Form) open(r *http.Request) (*multipart.Reader, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return nil, origin.Errorf(origin.Unsupported, "Content-Type must be multipart/form-data")
	}
	if params["boundary"] == "" {
		return nil, origin.Errorf(origin.Invalid, "Content-Type names no boundary")
	}
	// The end of the body is never the end of the form, only the closing boundary is. The package would take a body
	// that ends behind any boundary for complete.
	body := io.MultiReader(r.Body, strings.NewReader("\r\n"), cutShort{})
	return multipart.NewReader(body, params["boundary"]), nil
}

// keep reads one text field into values.
func (f Form) keep(values map[string]string, name string, part io.Reader) error {
	if !slices.Contains(f.Fields, name) {
		return origin.Errorf(origin.Invalid, "unknown field %q", clip(name, 64))
	}
	if _, twice := values[name]; twice {
		return origin.Errorf(origin.Invalid, "%s: given twice", name)
	}
	text, err := io.ReadAll(io.LimitReader(part, MaxFieldBytes+1))
	if err != nil {
		return bodyError(err)
	}
	if len(text) > MaxFieldBytes {
		return origin.Errorf(origin.Invalid, "%s: is longer than %d bytes", name, MaxFieldBytes)
	}
	if !utf8.Valid(text) {
		return origin.Errorf(origin.Invalid, "%s: is not UTF-8", name)
	}
	values[name] = string(text)
	return nil
}

// cutShort is what comes after a body that should have ended before.
type cutShort struct{}

func (cutShort) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func clip(text string, limit int) string {
	if len(text) > limit {
		return text[:limit] + "…"
	}
	return text
}

// formFile makes errors of the line the client's: a core that meets one while it stores the file must not take it for
// its own.
type formFile struct{ part io.Reader }

func (f formFile) Read(p []byte) (int, error) {
	n, err := f.part.Read(p)
	if err != nil && err != io.EOF {
		err = bodyError(err)
	}
	return n, err
}
