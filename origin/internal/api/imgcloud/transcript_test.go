package imgcloud_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/apitest"
	"github.com/pictor/pictor/origin/internal/server/servertest"
)

// TestTranscripts: see apitest.Play. From the start there are sessions of an administrator and a user, {{admin}} and
// {{anna}}, their account ids {{admin-id}} and {{anna-id}}, and Anna's API key {{key}}.
func TestTranscripts(t *testing.T) { apitest.Play(t, stage) }

func stage(t *testing.T) apitest.Stage {
	o := servertest.Start(t, servertest.Options{Limits: origin.DefaultLimits(), MaxUploadBytes: 64 << 10})
	admin, adminToken := o.Admin(t)
	o.Clock.Advance(time.Second) // so that who came first has the lower id
	_, err := o.Core.CreateAccount(context.Background(), admin,
		origin.NewAccount{Email: "anna@example.com", Password: "annas password"})
	if err != nil {
		t.Fatal(err)
	}
	anna, annaToken := o.Session(t, "anna@example.com", "annas password")
	key := o.Key(t, anna)
	o.Clock.Advance(time.Second)
	return apitest.Stage{Origin: o, Fixtures: fixtures, Values: map[string]string{"admin": adminToken, "anna": annaToken,
		"key": key, "admin-id": admin.Account.ID, "anna-id": anna.Account.ID}}
}

var fixtures = map[string][]byte{
	"photo.png":      servertest.PNG(40, 30),
	"other.png":      servertest.PNG(20, 10),
	"Still_Life.gif": servertest.GIF(8, 8),
	"portrait.jpg":   servertest.JPEG(40, 30, 6),
	"large.png":      servertest.PNG(200, 200), // over the cap of transcripts
	"cut.png":        servertest.PNG(40, 30)[:1000],
	"empty.png":      {},
	"page.jpg":       []byte("<!DOCTYPE html><title>not a photo</title>"),
	"drawing.svg":    []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>`),
	"wide.png":       wide(),
}

// wide says in its header that it is 50 000 × 50 000.
func wide() []byte {
	picture := bytes.Clone(servertest.PNG(40, 30))
	header := picture[12:29] // IHDR and what it says; its checksum follows
	copy(header[4:], []byte{0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50})
	binary.BigEndian.PutUint32(picture[29:], crc32.ChecksumIEEE(header))
	return picture
}
