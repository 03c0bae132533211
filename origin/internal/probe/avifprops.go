package probe

import "slices"

type property struct {
	kind string
	data []byte
}

// pictureProperties are the item properties that bear on how a picture looks. Others (descriptions, times) go.
var pictureProperties = []string{"ispe", "pixi", "irot", "imir", "clap", "pasp", "colr", "av1C", "auxC", "clli", "mdcv",
	"cclv", "amve", "reve", "ndwt", "a1op", "a1lx", "lsel", "rloc", "iscl", "free"}

// readProperties reads iprp: one list of properties, and which items use them.
func (m *avifMeta) readProperties(f *fields) error {
	for f.left() > 0 {
		b, body, err := f.box()
		if err != nil {
			return err
		}
		switch b.kind {
		case "ipco":
			err = m.readPropertyList(&body)
		case "ipma":
			err = m.readPropertyUse(&body)
		default:
			m.unneeded = append(m.unneeded, b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *avifMeta) readPropertyList(f *fields) error {
	for f.left() > 0 {
		b, body, err := f.box()
		if err != nil {
			return err
		}
		if len(m.properties) == maxItems {
			return invalid("it has more than %d properties", maxItems)
		}
		m.properties = append(m.properties, property{b.kind, body.data})
		if !slices.Contains(pictureProperties, b.kind) {
			m.unneeded = append(m.unneeded, b)
		}
	}
	return nil
}

func (m *avifMeta) readPropertyUse(f *fields) error {
	version, wide := f.versionAndFlag()
	n := f.uint(4)
	if n+uint64(len(m.used)) > maxItems {
		return invalid("it gives more than %d items properties", maxItems)
	}
	for range n {
		id := f.id(version)
		for uses := f.uint(1); uses > 0 && !f.short; uses-- {
			index := f.uint(1) & 0x7F // the bit above says that it is essential
			if wide {
				index = index<<8 | f.uint(1)
			}
			if index > 0 {
				m.used[id] = append(m.used[id], int(index)-1)
			}
		}
	}
	if f.short {
		return invalid("its use of properties is cut short")
	}
	return nil
}

// property gives the data of the item's first property of the kind, nil when it has none.
func (m *avifMeta) property(item *avifItem, kind string) []byte {
	for p := range m.propertiesOf(item) {
		if p.kind == kind {
			return p.data
		}
	}
	return nil
}

// propertiesOf goes over the item's properties in their order.
func (m *avifMeta) propertiesOf(item *avifItem) func(yield func(property) bool) {
	return func(yield func(property) bool) {
		for _, i := range m.used[item.id] {
			if i < len(m.properties) && !yield(m.properties[i]) {
				return
			}
		}
	}
}

// imageSize is the size that the item's ispe gives, before clap, irot and imir.
func (m *avifMeta) imageSize(item *avifItem) (width, height int64, err error) {
	f := fields{data: m.property(item, "ispe")}
	f.skip(4)
	width, height = int64(f.uint(4)), int64(f.uint(4))
	if f.short {
		return 0, 0, invalid("item %d has no size", item.id)
	}
	return width, height, nil
}

// shown is the size after the item's clean aperture and rotation, applied in their order. Mirroring changes no size.
func (m *avifMeta) shown(item *avifItem, width, height int64) (int64, int64, error) {
	for p := range m.propertiesOf(item) {
		switch {
		case p.kind == "clap":
			var ok bool
			if width, height, ok = cropped(p.data, width, height); !ok {
				return 0, 0, invalid("its clean aperture is not in whole pixels or not in the picture")
			}
		case p.kind == "irot" && len(p.data) == 1 && p.data[0]&1 != 0:
			width, height = height, width
		}
	}
	return width, height, nil
}

// cropped is the size of a clean aperture: fractions of width, height and the offset of its centre from the picture's.
func cropped(clap []byte, width, height int64) (w, h int64, ok bool) {
	f := fields{data: clap}
	w, okWidth := f.wholeUpTo(width)
	h, okHeight := f.wholeUpTo(height)
	return w, h, okWidth && okHeight && f.centred(width-w) && f.centred(height-h)
}

// wholeUpTo reads a fraction that must be a whole number from 1 to most.
func (f *fields) wholeUpTo(most int64) (int64, bool) {
	n, d := int64(f.uint(4)), int64(f.uint(4))
	if f.short || d == 0 || n%d != 0 || n/d < 1 || n/d > most {
		return 0, false
	}
	return n / d, true
}

// centred reads how far, as a fraction, an aperture is off the centre, and reports whether it stays in the picture.
func (f *fields) centred(margin int64) bool {
	n, d := int64(int32(f.uint(4))), int64(int32(f.uint(4)))
	return !f.short && d > 0 && 2*n <= margin*d && -2*n <= margin*d
}

// isAlpha reports whether an auxiliary item holds transparency, by either of the two names this has.
func (m *avifMeta) isAlpha(item *avifItem) bool {
	f := fields{data: m.property(item, "auxC")}
	f.skip(4)
	switch f.string() {
	case "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", "urn:mpeg:hevc:2015:auxid:1":
		return true
	}
	return false
}
