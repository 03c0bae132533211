package probe

import "slices"

// Bounds on what a meta box may count up. A grid of 100 megapixels in small tiles with alpha needs a few thousand.
const (
	maxItems   = 8192
	maxExtents = 16384
)

// extent is a run of bytes of the upload.
type extent struct{ off, length int64 }

func (e extent) end() int64 { return e.off + e.length }

// avifMeta is what a meta box (ISO/IEC 14496-12, 8.11) says.
type avifMeta struct {
	primary    uint32
	items      map[uint32]*avifItem
	list       []*avifItem // in the order of the file, which reading follows
	properties []property  // ipma counts them from 1
	used       map[uint32][]int
	idat       box
	unneeded   []box // boxes in it that go
	seen       map[string]bool
	located    []location // until idat is known
	references fields     // until the items are known
}

// avifItem is one picture or piece of metadata.
type avifItem struct {
	id      uint32
	kind    string
	entry   extent // of its kind, name and type in the meta box
	inIdat  bool
	extents []extent
	thumb   bool     // it is a thumbnail of another
	tile    bool     // another is made of it
	aux     []uint32 // the items that it is transparency (or depth) to
	tiles   []uint32 // the items that it is made of
	pixels  int64    // that its AV1 data has, once that has been looked at
}

// location is where iloc says that an item lies.
type location struct {
	id      uint32
	method  uint64
	extents []extent
}

// metaBoxes are the boxes in meta that the picture needs.
var metaBoxes = []string{"hdlr", "dinf", "grpl", "pitm", "iinf", "iloc", "iprp", "iref", "idat"}

// pictureKinds are the items that are pictures or are made of pictures. All others are metadata.
var pictureKinds = []string{"av01", "grid", "iden", "iovl", "tmap"}

// parseMeta reads the body of a meta box, which stands at off in the upload. The boxes in it come in any order.
func parseMeta(off int64, data []byte) (*avifMeta, error) {
	m := &avifMeta{items: map[uint32]*avifItem{}, used: map[uint32][]int{}, seen: map[string]bool{}}
	f := fields{data: data, off: off}
	if f.uint(4) != 0 {
		return nil, invalid("its meta box has an unknown version")
	}
	for f.left() > 0 {
		b, body, err := f.box()
		if err != nil {
			return nil, err
		}
		if err := m.read(b, &body); err != nil {
			return nil, err
		}
		if body.short {
			return nil, invalid("its %q box is cut short", b.kind)
		}
	}
	if err := m.readReferences(); err != nil {
		return nil, err
	}
	return m, m.locate()
}

// read takes in one box.
func (m *avifMeta) read(b box, body *fields) error {
	if !slices.Contains(metaBoxes, b.kind) {
		m.unneeded = append(m.unneeded, b)
		return nil
	}
	if m.seen[b.kind] {
		return invalid("its meta box has two of %q", b.kind)
	}
	m.seen[b.kind] = true
	switch b.kind {
	case "hdlr":
		body.skip(8)
		if body.text(4) != "pict" {
			return unsupported("it does not describe a picture")
		}
	case "pitm":
		m.primary = body.id(body.version())
	case "iinf":
		return m.readItems(body)
	case "iloc":
		return m.readLocations(body)
	case "iprp":
		return m.readProperties(body)
	case "iref":
		m.references = *body
	case "idat":
		m.idat = b
	}
	return nil
}

// readItems reads iinf.
func (m *avifMeta) readItems(f *fields) error {
	n := f.uint(2 + 2*int(min(f.version(), 1)))
	for ; f.left() > 0; n-- {
		b, entry, err := f.box()
		if err != nil {
			return err
		}
		version := entry.version()
		if b.kind != "infe" || version < 2 || version > 3 {
			return invalid("its list of items is malformed")
		}
		item := &avifItem{id: entry.id(version - 2)}
		protected := entry.uint(2)
		item.entry = extent{entry.off, int64(entry.left())}
		item.kind = entry.text(4)
		switch {
		case entry.short:
			return invalid("its list of items is cut short")
		case protected != 0:
			return unsupported("protected items are not taken")
		case m.items[item.id] != nil:
			return invalid("it has two items %d", item.id)
		case len(m.items) == maxItems:
			return invalid("it has more than %d items", maxItems)
		}
		m.items[item.id] = item
		m.list = append(m.list, item)
	}
	if n != 0 {
		return invalid("its list of items is not as long as it says")
	}
	return nil
}

// readLocations reads iloc.
func (m *avifMeta) readLocations(f *fields) error {
	version := f.version()
	if version > 2 {
		return invalid("the locations of its items have an unknown version")
	}
	sizes := f.uint(2)
	l := locations{fields: f, version: version, offset: int(sizes >> 12), length: int(sizes >> 8 & 15),
		base: int(sizes >> 4 & 15), index: int(sizes & 15)}
	if version == 0 {
		l.index = 0 // these bits are reserved
	}
	for _, size := range []int{l.offset, l.length, l.base, l.index} {
		if size != 0 && size != 4 && size != 8 {
			return invalid("the locations of its items are malformed")
		}
	}
	count := f.id(version / 2)
	if count > maxItems {
		return invalid("it locates more than %d items", maxItems)
	}
	for range count {
		at, err := l.next()
		if err != nil {
			return err
		}
		m.located = append(m.located, at)
	}
	return nil
}

// locations reads the entries of iloc. It counts extents: with fields of no bytes a small box can claim billions.
type locations struct {
	*fields
	version                     uint64
	offset, length, base, index int // bytes of the fields
	total                       uint64
}

func (l *locations) next() (location, error) {
	at := location{id: l.id(l.version / 2)}
	if l.version > 0 {
		at.method = l.uint(2) & 15
	}
	if l.uint(2) != 0 {
		return at, unsupported("items in other files are not taken")
	}
	base := l.uint(l.base)
	n := l.uint(2)
	if l.total += n; l.total > maxExtents {
		return at, invalid("its items lie in more than %d runs", maxExtents)
	}
	for range n {
		l.uint(l.index)
		off, length := l.uint(l.offset), l.uint(l.length)
		const most = 1 << 48 // no sum of three overflows
		if base > most || off > most || length > most || length == 0 {
			return at, invalid("item %d has an impossible location", at.id)
		}
		at.extents = append(at.extents, extent{int64(base + off), int64(length)})
	}
	return at, nil
}

// locate gives the items their places, once idat is known.
func (m *avifMeta) locate() error {
	for _, at := range m.located {
		item := m.items[at.id]
		switch {
		case item == nil, item.extents != nil:
			return invalid("it locates item %d, which is not there or has a place", at.id)
		case at.method > 1:
			return unsupported("items inside items are not taken")
		}
		item.extents, item.inIdat = at.extents, at.method == 1
		if item.inIdat {
			for i := range item.extents {
				item.extents[i].off += m.idat.body
			}
		}
	}
	m.located = nil
	return nil
}

// readReferences reads iref. References of other kinds, and from or to items that are not there, say nothing.
func (m *avifMeta) readReferences() error {
	f := &m.references
	if f.left() == 0 {
		return nil
	}
	version := f.version()
	for f.left() > 0 {
		b, body, err := f.box()
		if err != nil {
			return err
		}
		from := m.items[body.id(version)]
		for range body.uint(2) {
			m.refer(from, b.kind, m.items[body.id(version)])
		}
		if body.short {
			return invalid("its references are cut short")
		}
	}
	return nil
}

func (m *avifMeta) refer(from *avifItem, kind string, to *avifItem) {
	if from == nil || to == nil {
		return
	}
	switch kind {
	case "thmb":
		from.thumb = true
	case "auxl":
		from.aux = append(from.aux, to.id)
	case "dimg":
		from.tiles = append(from.tiles, to.id)
		to.tile = true
	}
}

// goes reports whether the item is no part of the picture: metadata, a thumbnail, or a thumbnail's transparency.
func (m *avifMeta) goes(item *avifItem) bool {
	if !slices.Contains(pictureKinds, item.kind) || m.isThumbnail(item) {
		return true
	}
	return len(item.aux) > 0 && !slices.ContainsFunc(item.aux, func(id uint32) bool { return !m.isThumbnail(m.items[id]) })
}

// isThumbnail reports whether the item is a thumbnail and nothing that another item, or the reader, needs.
func (m *avifMeta) isThumbnail(item *avifItem) bool {
	return item.thumb && item.id != m.primary && !item.tile && len(item.aux) == 0
}
