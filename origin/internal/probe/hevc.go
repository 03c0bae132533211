package probe

// hevcFrameSize reads the largest frame size from the sequence parameter sets in a configuration record (ISO/IEC
// 14496-15, 8.3.3.1; ITU-T H.265, 7.3.2.2).
func hevcFrameSize(record []byte) (width, height int64, err error) {
	const sequenceParameters = 33
	f := fields{data: record}
	f.skip(22)
	for arrays := f.uint(1); arrays > 0; arrays-- {
		kind := f.uint(1) & 0x3F
		for units := f.uint(2); units > 0; units-- {
			unit := f.take(int(f.uint(2)))
			if f.short {
				return 0, 0, invalid("its HEVC configuration is cut short")
			}
			if kind != sequenceParameters {
				continue
			}
			w, h, ok := sequenceParameterSize(unit)
			if !ok {
				return 0, 0, invalid("its HEVC parameters are malformed")
			}
			width, height = max(width, w), max(height, h)
		}
	}
	if width == 0 {
		return 0, 0, invalid("its HEVC configuration gives no size")
	}
	return width, height, nil
}

func sequenceParameterSize(unit []byte) (width, height int64, ok bool) {
	b := &bits{data: withoutEmulation(unit)}
	b.skip(16 + 4) // head of the unit, id of the video parameters
	layers := int(b.read(3))
	b.skip(1)
	skipProfile(b, layers)
	b.exp() // id
	if chroma := b.exp(); chroma == 3 {
		b.skip(1)
	}
	width, height = int64(b.exp()), int64(b.exp())
	return width, height, !b.short && width > 0 && height > 0
}

// skipProfile passes over profile, tier and level, of the whole and of the layers.
func skipProfile(b *bits, layers int) {
	b.skip(88 + 8)
	var profile, level [8]bool
	for i := range layers {
		profile[i], level[i] = b.flag(), b.flag()
	}
	if layers > 0 {
		b.skip(2 * (8 - layers))
	}
	for i := range layers {
		if profile[i] {
			b.skip(88)
		}
		if level[i] {
			b.skip(8)
		}
	}
}

// exp reads a number in Exp-Golomb code: as many zeros as it has bits after its first one. No size needs more than 31.
func (b *bits) exp() uint32 {
	zeros := 0
	for !b.flag() {
		if zeros++; zeros > 31 || b.short {
			b.short = true
			return 0
		}
	}
	return 1<<zeros - 1 + b.read(zeros)
}

// withoutEmulation takes out the 3 of each 0 0 3, which stands there so that nothing looks like a start code.
func withoutEmulation(unit []byte) []byte {
	plain := make([]byte, 0, len(unit))
	zeros := 0
	for _, c := range unit {
		if zeros >= 2 && c == 3 {
			zeros = 0
			continue
		}
		if zeros++; c != 0 {
			zeros = 0
		}
		plain = append(plain, c)
	}
	return plain
}
