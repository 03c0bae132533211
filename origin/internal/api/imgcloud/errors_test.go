package imgcloud_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/imgcloud"
)

func TestFail(t *testing.T) {
	cause := errors.New("disk sda1 is on fire")
	tests := []struct {
		err    error
		status int
		body   string
		header string // «Name: value» that must be there
	}{
		{origin.Errorf(origin.Invalid, "no"), 400, `{"error":"no"}`, ""},
		{origin.Errorf(origin.Unauthenticated, "no"), 401, `{"error":"no"}`, "WWW-Authenticate: ApiKey"},
		{origin.Errorf(origin.Forbidden, "no"), 403, `{"error":"no"}`, ""},
		{origin.Errorf(origin.NotFound, "no"), 404, `{"error":"no"}`, ""},
		{origin.Errorf(origin.Duplicate, "no"), 409, `{"error":"no"}`, ""},
		{origin.Errorf(origin.TooLarge, "no"), 413, `{"error":"no"}`, ""},
		{origin.Errorf(origin.Unsupported, "no"), 415, `{"error":"no"}`, ""},
		{&origin.Error{Kind: origin.RateLimited, Message: "no", RetryAfter: 1100 * time.Millisecond}, 429,
			`{"error":"no"}`, "Retry-After: 2"},
		{&origin.Error{Kind: origin.Unavailable, Message: "full", RetryAfter: time.Minute, Err: cause}, 503,
			`{"error":"full"}`, "Retry-After: 60"},
		{fmt.Errorf("find asset: %w", origin.Errorf(origin.NotFound, "no")), 404, `{"error":"no"}`, ""},
		{&origin.Error{Kind: origin.Internal, Message: "secret", Err: cause}, 500, `{"error":"internal error"}`, ""},
		{cause, 500, `{"error":"internal error"}`, ""},
	}
	for _, tt := range tests {
		w := httptest.NewRecorder()
		imgcloud.Fail(w, httptest.NewRequest(http.MethodGet, "/", nil), tt.err)
		if w.Code != tt.status || strings.TrimSpace(w.Body.String()) != tt.body {
			t.Errorf("%v: got %d %s", tt.err, w.Code, w.Body)
		}
		if name, value, ok := strings.Cut(tt.header, ": "); ok && w.Header().Get(name) != value {
			t.Errorf("%v: %s is %q, want %q", tt.err, name, w.Header().Get(name), value)
		}
	}
}

// Who hangs up is not a fault of ours, and must not look like one in the metrics.
func TestFailForNobody(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx)
	imgcloud.Fail(w, r, fmt.Errorf("list assets: %w", context.Canceled))
	if w.Code != 499 {
		t.Errorf("got %d, want 499", w.Code)
	}
}
