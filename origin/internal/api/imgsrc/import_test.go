package imgsrc_test

import (
	"context"
	"io/fs"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/fetchurl"
	"github.com/pictor/pictor/origin/internal/server/servertest"
)

// An import that fails leaves no byte behind: refused before it connects, answered with an error, too large, no picture.
func TestFailedImportLeavesNothing(t *testing.T) {
	t.Parallel()
	o := servertest.Start(t, servertest.Options{MaxUploadBytes: 64 << 10,
		Fetch: fetchurl.New(fetchurl.Options{MaxBytes: 64 << 10, Timeout: time.Minute,
			Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})})
	account(t, o, "anna", origin.PlanPro, origin.AllScopes)
	anna, _ := o.Session(t, "anna@example.com", "a password")
	host := "http://" + pictures(t)
	for _, url := range []string{"http://10.0.0.1/x.png", host + "/inside", host + "/around", host + "/nothing", host + "/large.png",
		host + "/page.jpg"} {
		if received, err := o.Core.ReceiveURL(context.Background(), anna, url); err == nil {
			received.Discard()
			t.Errorf("%s: taken", url)
		}
	}
	err := filepath.WalkDir(o.Blobs, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			t.Errorf("left behind: %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
