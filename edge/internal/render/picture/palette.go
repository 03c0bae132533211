package picture

import (
	"cmp"
	"image"
	"slices"
)

// cluster is a group of like colours while their mean is looked for.
type cluster struct {
	mean   [3]float64
	sum    [3]float64
	pixels float64
}

// palette gives the most frequent colours, at most most of them, most frequent first. Pixels that are more transparent
// than not do not count. It begins with colours far from each other and moves each to the mean of its pixels, a few
// times over (k-means); there is no chance in it, so equal pictures have equal palettes.
func palette(img *image.NRGBA, most int) [][3]byte {
	colours := visible(img)
	clusters := spread(colours, most)
	for range 8 {
		for i := range clusters {
			clusters[i].sum, clusters[i].pixels = [3]float64{}, 0
		}
		for _, c := range colours {
			clusters[nearest(clusters, c)].add(c)
		}
		for i := range clusters {
			clusters[i].settle()
		}
	}
	slices.SortStableFunc(clusters, func(a, b cluster) int { return cmp.Compare(b.pixels, a.pixels) })
	found := make([][3]byte, 0, len(clusters))
	for _, c := range clusters {
		if c.pixels > 0 {
			found = append(found, [3]byte{clamped(c.mean[0]), clamped(c.mean[1]), clamped(c.mean[2])})
		}
	}
	return found
}

func visible(img *image.NRGBA) [][3]float64 {
	var colours [][3]float64
	for i := 0; i < len(img.Pix); i += 4 {
		if img.Pix[i+3] >= 128 {
			colours = append(colours, [3]float64{float64(img.Pix[i]), float64(img.Pix[i+1]), float64(img.Pix[i+2])})
		}
	}
	return colours
}

// leastDistance is the square of how far colours of a palette are apart at first: nearer ones look alike.
const leastDistance = 24 * 24

// spread begins with the mean colour, then takes the colour that is farthest from all before it.
func spread(colours [][3]float64, most int) []cluster {
	if len(colours) == 0 {
		return nil
	}
	whole := cluster{}
	for _, c := range colours {
		whole.add(c)
	}
	whole.settle()
	clusters := []cluster{whole}
	apart := make([]float64, len(colours))
	for i, c := range colours {
		apart[i] = distance(whole.mean, c)
	}
	for len(clusters) < most {
		far := 0
		for i := range apart {
			if apart[i] > apart[far] {
				far = i
			}
		}
		if apart[far] < leastDistance {
			break
		}
		clusters = append(clusters, cluster{mean: colours[far]})
		for i, c := range colours {
			apart[i] = min(apart[i], distance(colours[far], c))
		}
	}
	return clusters
}

func nearest(clusters []cluster, c [3]float64) (best int) {
	for i := range clusters {
		if distance(clusters[i].mean, c) < distance(clusters[best].mean, c) {
			best = i
		}
	}
	return best
}

func (k *cluster) add(c [3]float64) {
	for i := range c {
		k.sum[i] += c[i]
	}
	k.pixels++
}

func (k *cluster) settle() {
	if k.pixels == 0 {
		return
	}
	for i := range k.sum {
		k.mean[i] = k.sum[i] / k.pixels
	}
}

func distance(a, b [3]float64) (square float64) {
	for i := range a {
		square += (a[i] - b[i]) * (a[i] - b[i])
	}
	return square
}
