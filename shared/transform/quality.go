package transform

// Qualities that are chosen for each picture, so that it looks as good as all others of the kind: values of Spec.Quality.
const (
	QualityBest = -1 - iota // hardly to be told from the original
	QualityGood             // what q_auto means
	QualityEco
	QualityLow
)

// autoNames are the values of q for them, the canonical one of good first.
var autoNames = map[string]int{"auto": QualityGood, "auto:best": QualityBest, "auto:good": QualityGood,
	"auto:eco": QualityEco, "auto:low": QualityLow}

var autoTexts = map[int]string{QualityBest: "auto:best", QualityGood: "auto", QualityEco: "auto:eco", QualityLow: "auto:low"}

func (d *draft) setQuality(v string) string {
	if quality, ok := autoNames[v]; ok {
		d.Quality = quality
		return ""
	}
	if setInt(&d.Quality, v, 1, 100) != "" {
		return "must be a whole number from 1 to 100, auto, auto:best, auto:good, auto:eco or auto:low"
	}
	return ""
}

func (s *Spec) qualityText() string {
	if s.Quality < 0 {
		return autoTexts[s.Quality]
	}
	return plain(s.Quality)
}
