package edge

import (
	"context"
	"io"

	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/wire"
)

// sliceBytes is how much of a download goes out between two looks at the catalog.
const sliceBytes = 256 << 10

// download reads a part of the clean picture of a manifest, and asks before each slice whether it may still be shown: it
// ends when the asset is deleted, replaced or made private.
type download struct {
	edge      *Edge
	req       delivery.Request
	manifest  *wire.Manifest
	body      io.Reader
	unchecked int64 // bytes until the next look
}

func (e *Edge) download(req delivery.Request, m *wire.Manifest, from, length int64) io.Reader {
	ctx := context.Background() // fasthttp has none that ends with the connection; reading stops when writing fails
	return &download{edge: e, req: req, manifest: m, body: io.NewSectionReader(e.clean(ctx, &m.Source), from, length)}
}

func (d *download) Read(p []byte) (int, error) {
	if d.unchecked <= 0 {
		if err := d.check(); err != nil {
			return 0, err
		}
		d.unchecked = sliceBytes
	}
	n, err := d.body.Read(p)
	d.unchecked -= int64(n)
	return n, err
}

func (d *download) check() error {
	ctx, cancel := context.WithTimeout(context.Background(), d.edge.Policy.Deadline)
	defer cancel()
	now, err := d.edge.Catalog.Find(ctx, d.manifest.Name) // what the request came to: a name or its stem
	if err != nil {
		return err
	}
	if now.Source.Digest != d.manifest.Source.Digest {
		return errNotFound // replaced: the rest would not fit to what was sent
	}
	return allow(&now.Manifest, d.req.Signature, d.edge.Now())
}
