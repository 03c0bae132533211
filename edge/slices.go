package edge

import (
	"context"
	"io"

	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/wire"
)

// sliceBytes is how much of a long answer goes out between two looks at the catalog.
const sliceBytes = 256 << 10

// slices reads a part of the clean picture of a manifest, and asks before each slice whether it may still be shown: a
// long download ends when the asset is deleted, replaced or made private.
type slices struct {
	edge      *Edge
	req       delivery.Request
	manifest  *wire.Manifest
	body      io.Reader
	unchecked int64 // bytes until the next look
}

func (e *Edge) slices(req delivery.Request, m *wire.Manifest, from, length int64) io.Reader {
	ctx := context.Background() // fasthttp has none that ends with the connection; reading stops when writing fails
	return &slices{edge: e, req: req, manifest: m, body: io.NewSectionReader(e.clean(ctx, &m.Source), from, length)}
}

func (s *slices) Read(p []byte) (int, error) {
	if s.unchecked <= 0 {
		if err := s.check(); err != nil {
			return 0, err
		}
		s.unchecked = sliceBytes
	}
	n, err := s.body.Read(p)
	s.unchecked -= int64(n)
	return n, err
}

func (s *slices) check() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.edge.Policy.Deadline)
	defer cancel()
	now, err := s.edge.Catalog.Find(ctx, s.manifest.Name) // what the request came to: a name or its stem
	if err != nil {
		return err
	}
	if now.Source.Digest != s.manifest.Source.Digest {
		return errNotFound // replaced: the rest would not fit to what was sent
	}
	return allow(&now.Manifest, s.req.Signature, s.edge.Now())
}
