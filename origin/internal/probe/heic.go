package probe

import "github.com/pictor/pictor/shared/transform"

// leastHEIC is the least width that the renderer's decoder reads aright.
const leastHEIC = 128

func isHEIC(head []byte) bool {
	return len(head) >= 12 && string(head[4:8]) == "ftyp" && (string(head[8:12]) == "heic" || string(head[8:12]) == "heix")
}

// walkHEIC goes over the same boxes as walkAVIF. There is no clean HEIC: hardly a browser shows one, so untransformed it
// is delivered as a picture of another format. Its transparency is not read by the renderer's decoder, so it is not
// mentioned; its size counts.
func walkHEIC(w *walker) error {
	a := &avifWalker{walker: w, coded: "hvc1", brand: "heic"}
	if err := a.boxes(); err != nil {
		return err
	}
	if err := a.picture(); err != nil {
		return err
	}
	w.source.Alpha = false
	if w.source.Width < leastHEIC {
		return unsupported("less than %d px across is not taken", leastHEIC)
	}
	return nil
}

// isMIF1 files say among their other brands what they are.
func isMIF1(head []byte) bool { return len(head) >= 12 && string(head[4:12]) == "ftypmif1" }

func walkMIF1(w *walker) error {
	b, err := (&avifWalker{walker: w}).box(0, w.size)
	if err != nil {
		return err
	}
	brands, err := w.at(b.body, int(min(b.length(), maxBrandBytes)))
	if err != nil {
		return err
	}
	if len(brands) >= 8 && !hasBrand(brands[8:], "avif") && (hasBrand(brands[8:], "heic") || hasBrand(brands[8:], "heix")) {
		w.source.Format = transform.HEIC.String()
		return walkHEIC(w)
	}
	return walkAVIF(w)
}
