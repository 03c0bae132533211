package probe

import (
	"errors"
	"slices"
)

// maxMetaBytes is the longest meta box that is read: it describes the picture, with its colour profile, in some KiB.
const maxMetaBytes = 2 << 20

// maxBrandBytes bounds the ftyp box.
const maxBrandBytes = 2048

// maxMedia bounds the mdat boxes. Encoders write one.
const maxMedia = 64

// isAVIF goes by the major brand, like libvips, which does not take sequences (avis, msf1).
func isAVIF(head []byte) bool { return len(head) >= 12 && string(head[4:12]) == "ftypavif" }

type avifWalker struct {
	*walker
	coded   string // the kind of items that hold coded pictures
	brand   string // that the file must name; of HEIC, heix does as well
	meta    *avifMeta
	media   []box // the mdat boxes
	end     int64 // of the last box that the picture needs
	stopped bool  // before the end of the file, at something that is no whole box
	patches []patch
}

// walkAVIF goes over the boxes to the end of the file. What the picture does not need is overwritten where it stands:
// boxes become «free» boxes of zeros, items become items of an unknown kind, and bytes that no kept item refers to
// become zeros. Boxes after the last needed one are dropped.
//
// The renderer's libheif applies the picture's own properties: clean aperture, rotation and mirroring. Width and
// Height are the size after them, and Orientation is 1, or they would be applied twice. An Exif orientation says
// nothing in this format (HEIF, ISO/IEC 23008-12, calls it informative; libheif ignores it): it goes with the Exif.
func walkAVIF(w *walker) error {
	a := &avifWalker{walker: w, coded: "av01", brand: "avif"}
	if err := a.boxes(); err != nil {
		return err
	}
	if err := a.picture(); err != nil {
		return err
	}
	if err := a.blank(); err != nil {
		return err
	}
	return a.apply()
}

// boxes visits the boxes of the file. Once the picture has been described, something that is no whole box may be cut
// short or may be rubbish at the end of the file: that depends on whether all of the picture is there, see checkExtents.
func (a *avifWalker) boxes() error {
	a.part = "boxes"
	off, err := a.brands()
	for off < a.size && err == nil {
		var b box
		b, err = a.box(off, a.size)
		if errors.Is(err, errShort) && a.meta != nil {
			a.stopped = true
			return nil
		}
		if err == nil {
			off, err = b.end, a.visit(b)
		}
	}
	if err == nil && a.meta == nil {
		err = errShort
	}
	return err
}

// brands reads ftyp and gives where it ends.
func (a *avifWalker) brands() (int64, error) {
	b, err := a.box(0, a.size)
	if err != nil {
		return 0, err
	}
	if b.length() < 8 || b.length()%4 != 0 || b.end > maxBrandBytes {
		return 0, invalid("its ftyp box is malformed")
	}
	body, err := a.at(b.body, int(b.length()))
	if err != nil {
		return 0, err
	}
	if !hasBrand(body[:4], a.brand) && !hasBrand(body[8:], a.brand) && (a.brand != "heic" || !hasBrand(body, "heix")) {
		return 0, unsupported("of the HEIF family only AVIF and HEIC are taken")
	}
	a.end = b.end
	return b.end, nil
}

func hasBrand(brands []byte, brand string) bool {
	for ; len(brands) >= 4; brands = brands[4:] {
		if string(brands[:4]) == brand {
			return true
		}
	}
	return false
}

// visit decides about one box after ftyp.
func (a *avifWalker) visit(b box) error {
	switch b.kind {
	case "meta":
		a.end = b.end
		return a.readMeta(b)
	case "mdat":
		a.end = b.end
		if len(a.media) == maxMedia {
			return invalid("it has more than %d mdat boxes", maxMedia)
		}
		a.media = append(a.media, b)
		return nil
	case "moov", "moof":
		return unsupported("image sequences are not taken")
	}
	return a.free(b)
}

func (a *avifWalker) readMeta(b box) error {
	if a.meta != nil {
		return invalid("it has two meta boxes")
	}
	if b.length() > maxMetaBytes {
		return invalid("its meta box is longer than %d MiB", maxMetaBytes>>20)
	}
	data := make([]byte, b.length())
	if err := a.readAt(data, b.body); err != nil {
		return err
	}
	meta, err := parseMeta(b.body, data)
	a.meta = meta
	return err
}

// picture checks the primary item and works out the size that decoders show.
func (a *avifWalker) picture() error {
	a.part = "picture"
	primary := a.meta.items[a.meta.primary]
	if primary == nil {
		return invalid("its primary item is missing")
	}
	if err := a.checkExtents(); err != nil {
		return err
	}
	width, height, err := a.meta.imageSize(primary)
	if err != nil {
		return err
	}
	if err := checkSize(width, height); err != nil {
		return err
	}
	if err := a.checkCoded(primary, width, height); err != nil {
		return err
	}
	if err := a.alpha(primary); err != nil {
		return err
	}
	if width, height, err = a.meta.shown(primary, width, height); err != nil {
		return err
	}
	return a.setSize(width, height)
}

// alpha looks for items that hold the primary's transparency. Which of several a decoder takes is its own affair.
func (a *avifWalker) alpha(primary *avifItem) error {
	for _, item := range a.meta.list {
		if !slices.Contains(item.aux, primary.id) || !a.meta.isAlpha(item) {
			continue
		}
		a.source.Alpha = true
		width, height, err := a.meta.imageSize(item)
		if err != nil {
			return err
		}
		if err := a.checkCoded(item, width, height); err != nil {
			return err
		}
	}
	return nil
}

// checkCoded checks what a decoder would have to decode for an item: the AV1 frame, or all tiles of the grid. Their own
// headers count: what the container says of sizes binds no decoder.
func (a *avifWalker) checkCoded(item *avifItem, width, height int64) error {
	switch item.kind {
	case a.coded:
		_, err := a.codedPixels(item)
		return err
	case "grid":
		return a.checkGrid(item, width, height)
	}
	return unsupported("a picture of kind %q is not taken", item.kind)
}

// checkGrid checks a grid's own header (ISO/IEC 23008-12, 6.6.2.3) and its tiles. A tile may be used more than once, and
// costs each time.
func (a *avifWalker) checkGrid(item *avifItem, width, height int64) error {
	header, err := a.content(item, 12)
	if err != nil {
		return err
	}
	f := fields{data: header}
	f.skip(1)
	bytesEach := 2 + 2*int(f.uint(1)&1)
	tiles := (1 + f.uint(1)) * (1 + f.uint(1))
	if w, h := f.uint(bytesEach), f.uint(bytesEach); f.short || w != uint64(width) || h != uint64(height) {
		return invalid("the header of its grid is malformed")
	}
	if tiles != uint64(len(item.tiles)) {
		return invalid("its grid has %d tiles of %d", len(item.tiles), tiles)
	}
	total := int64(0)
	for _, id := range item.tiles {
		tile := a.meta.items[id]
		if tile == nil || tile.kind != a.coded {
			return invalid("a tile of its grid is missing")
		}
		pixels, err := a.codedPixels(tile)
		if err != nil {
			return err
		}
		if total += pixels; total > maxTotalPixels {
			return tooLarge("its tiles exceed %d megapixels in all", maxTotalPixels/1_000_000)
		}
	}
	return nil
}

// codedPixels reads the frame size out of an item's AV1 sequence header, or its HEVC configuration, once.
func (a *avifWalker) codedPixels(item *avifItem) (int64, error) {
	if item.pixels > 0 {
		return item.pixels, nil
	}
	width, height, err := a.frameSize(item)
	if err != nil {
		return 0, err
	}
	item.pixels = width * height
	return item.pixels, checkSize(width, height)
}

func (a *avifWalker) frameSize(item *avifItem) (width, height int64, err error) {
	if a.coded == "hvc1" {
		return hevcFrameSize(a.meta.property(item, "hvcC"))
	}
	data, err := a.content(item, maxSequenceHeaderBytes)
	if err != nil {
		return 0, 0, err
	}
	return av1FrameSize(data)
}

// content reads the first bytes of an item, at most n.
func (a *avifWalker) content(item *avifItem, n int64) ([]byte, error) {
	var data []byte
	for _, e := range item.extents {
		part := make([]byte, min(e.length, n-int64(len(data))))
		if err := a.readAt(part, e.off); err != nil {
			return nil, err
		}
		if data = append(data, part...); int64(len(data)) == n {
			break
		}
	}
	return data, nil
}

// checkExtents sees that every item's bytes lie in an mdat box, or in idat.
func (a *avifWalker) checkExtents() error {
	for _, item := range a.meta.list {
		for _, e := range item.extents {
			homes := a.media
			if item.inIdat {
				homes = []box{a.meta.idat}
			}
			if !slices.ContainsFunc(homes, func(b box) bool { return b.body <= e.off && e.end() <= b.end }) {
				return a.outside(item)
			}
		}
	}
	return nil
}

func (a *avifWalker) outside(item *avifItem) error {
	if a.stopped {
		return errShort
	}
	return invalid("item %d lies outside of the file's data", item.id)
}
