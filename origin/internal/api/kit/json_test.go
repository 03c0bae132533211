package kit

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pictor/pictor/origin"
)

type person struct {
	Name string   `json:"name"`
	Age  *int     `json:"age"`
	Pets []person `json:"pets"`
}

func jsonRequest(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

func TestReadJSON(t *testing.T) {
	for _, body := range []string{`{}`, ` {"name":"a"} `, `{"name":"ü","age":1,"pets":[{"name":"a"},{"name":"b"}]}`} {
		if err := ReadJSON(jsonRequest(body), new(person)); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestReadJSONRefuses(t *testing.T) {
	tests := []struct {
		body, says string
		kind       origin.Kind
	}{
		{``, "must be a JSON object", origin.Invalid},
		{`null`, "must be a JSON object", origin.Invalid},
		{`[]`, "must be a JSON object", origin.Invalid},
		{`{"name":"a"`, "not valid JSON", origin.Invalid},
		{`{"name":'a'}`, "not valid JSON", origin.Invalid},
		{`{"name":"a"}{}`, "follows the JSON object", origin.Invalid},
		{`{"name":"a"} x`, "follows the JSON object", origin.Invalid},
		{`{"nome":"a"}`, `unknown field "nome"`, origin.Invalid},
		{`{"name":"a","name":"b"}`, "name: given twice", origin.Invalid},
		{`{"name":"a","NAME":"b"}`, "name: given twice", origin.Invalid},
		{`{"pets":[{"age":1,"age":2}]}`, "age: given twice", origin.Invalid},
		{`{"name":7}`, "name: must not be a JSON number", origin.Invalid},
		{"{\"name\":\"\xff\"}", "not UTF-8", origin.Invalid},
		{`{"pets":` + strings.Repeat("[", 100_000), "not valid JSON", origin.Invalid},
		{`{"name":"` + strings.Repeat("a", MaxJSONBytes) + `"}`, "exceeds 1048576 bytes", origin.TooLarge},
	}
	for _, tt := range tests {
		err := ReadJSON(jsonRequest(tt.body), new(person))
		if err == nil || origin.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%.40s: got %v, want one that says %q", tt.body, err, tt.says)
		}
	}
}

func TestReadJSONWantsItsContentType(t *testing.T) {
	for kind, good := range map[string]bool{
		"application/json":                  true,
		"application/json; charset=utf-8":   true,
		"Application/JSON":                  true,
		"":                                  false,
		"text/plain":                        false,
		"application/x-www-form-urlencoded": false,
		"application/json-patch+json":       false,
	} {
		r := jsonRequest(`{}`)
		r.Header.Set("Content-Type", kind)
		err := ReadJSON(r, new(person))
		if good != (err == nil) || !good && origin.KindOf(err) != origin.Unsupported {
			t.Errorf("%q: got %v", kind, err)
		}
	}
}

func TestReadOptionalJSON(t *testing.T) {
	empty := httptest.NewRequest(http.MethodPost, "/", nil)
	if err := ReadOptionalJSON(empty, new(person)); err != nil {
		t.Errorf("no body: %v", err)
	}
	if err := ReadOptionalJSON(jsonRequest(`{"nome":1}`), new(person)); origin.KindOf(err) != origin.Invalid {
		t.Errorf("a bad body: got %v, want Invalid", err)
	}
}

func FuzzReadJSON(f *testing.F) {
	for _, seed := range []string{`{}`, `{"name":"a","pets":[{"age":1}]}`, `{"a":{"b":[1,{"c":null}]}}`, `{"name":"a"}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		err := ReadJSON(jsonRequest(body), new(person))
		if err != nil && origin.KindOf(err) == origin.Internal {
			t.Errorf("%q: a client's fault became ours: %v", body, err)
		}
	})
}
