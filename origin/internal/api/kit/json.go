package kit

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/pictor/pictor/origin"
)

// MaxJSONBytes bounds a JSON body.
const MaxJSONBytes = 1 << 20

// ReadJSON decodes the one JSON object in the body. Unknown keys, a key given twice, a second value, and anything but
// application/json are refused, so that a misspelt field is never quietly lost.
func ReadJSON(r *http.Request, into any) error {
	text, err := readJSON(r)
	if err != nil {
		return err
	}
	return decode(text, into)
}

func readJSON(r *http.Request) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, origin.Errorf(origin.Unsupported, "Content-Type must be application/json")
	}
	return readBody(r.Body, MaxJSONBytes)
}

// ReadOptionalJSON is ReadJSON for calls that may come without a body. Some clients write null for one.
func ReadOptionalJSON(r *http.Request, into any) error {
	if r.ContentLength == 0 {
		return nil
	}
	text, err := readJSON(r)
	if err != nil || string(bytes.TrimSpace(text)) == "null" {
		return err
	}
	return decode(text, into)
}

func readBody(body io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, bodyError(err)
	}
	if int64(len(text)) > limit {
		return nil, origin.Errorf(origin.TooLarge, "the body exceeds %d bytes", limit)
	}
	return text, nil
}

func decode(text []byte, into any) error {
	if !utf8.Valid(text) {
		return origin.Errorf(origin.Invalid, "the body is not UTF-8")
	}
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return origin.Errorf(origin.Invalid, "the body must be a JSON object")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return jsonError(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return origin.Errorf(origin.Invalid, "something follows the JSON object")
	}
	// Only now: Decode has bounded the nesting, which the recursion below relies on.
	return checkKeys(json.NewDecoder(bytes.NewReader(text)))
}

// checkKeys refuses an object that holds a key twice. Spellings that differ in case count as the same key, for
// encoding/json stores them in the same field.
func checkKeys(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return jsonError(err)
	}
	open, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	seen := map[string]bool{}
	for d.More() {
		if open == '{' {
			token, err := d.Token()
			if err != nil {
				return jsonError(err)
			}
			key := strings.ToLower(token.(string))
			if seen[key] {
				return origin.Errorf(origin.Invalid, "%s: given twice", key)
			}
			seen[key] = true
		}
		if err := checkKeys(d); err != nil {
			return err
		}
	}
	_, err = d.Token() // the closing bracket
	return err
}

func jsonError(err error) error {
	if e, ok := errors.AsType[*origin.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
		return origin.Errorf(origin.Invalid, "%s: must not be a JSON %s", e.Field, e.Value)
	}
	if text, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return origin.Errorf(origin.Invalid, "unknown field %s", text)
	}
	return &origin.Error{Kind: origin.Invalid, Message: "the body is not valid JSON", Err: err}
}

// bodyError turns a failure to read a request's body into what the client should hear.
func bodyError(err error) error {
	if e, ok := errors.AsType[*origin.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return origin.Errorf(origin.TooLarge, "the body exceeds %d bytes", e.Limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &origin.Error{Kind: origin.Invalid, Message: "the body came too slowly", Err: err}
	}
	return &origin.Error{Kind: origin.Invalid, Message: "the body is malformed or cut short", Err: err}
}
