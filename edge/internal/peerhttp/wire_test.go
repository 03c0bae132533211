package peerhttp

import (
	"encoding/json"
	"testing"
)

// Whatever a peer sends either is refused or names a job whose Spec is written the same way again, as the key is.
func FuzzObjectRequest(f *testing.F) {
	for _, seed := range []string{
		`{"source":{"digest":"00","chunks":["AA=="]},"spec":""}`,
		`{"source":{"digest":"00"},"spec":"bg_ff0000,c_contain,f_webp,h_300,w_400"}`,
		`{"source":{"digest":"00"},"spec":"f_png,r_90"}`,
		`{"source":{"digest":"00"},"spec":"f_auto"}`,
		`{"source":{},"spec":"f_webp,q_080"}`,
		`{"source":{},"overlay":{"digest":"00"},"spec":"f_webp,ov_00"}`,
		`{"source":{},"overlay":{"digest":"01"},"spec":"f_webp,ov_00"}`,
		`{"source":{},"variants":-1}`,
		`{"source":{},"spec":"f_avif,w_4","fallbacks":["f_webp,w_4","f_jpg,w_4"]}`,
		`{"source":{},"spec":"f_avif,w_4","fallbacks":["f_auto"]}`,
		`{"source":{},"overlay":{"digest":"00"},"spec":"f_avif,ov_00","fallbacks":["f_jpg,ov_01"]}`,
		`{"source":null}`,
		`[[[[`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var req objectRequest
		if json.Unmarshal(text, &req) != nil {
			return
		}
		job, err := req.job()
		if err != nil {
			return
		}
		if job.Spec.Overlay != "" && (job.Overlay == nil || job.Overlay.Digest != job.Spec.Overlay) {
			t.Fatalf("%s became a job without its overlay: %+v", text, job)
		}
		for _, spec := range job.Fallbacks {
			if !spec.Format.Concrete() || spec.Overlay != job.Spec.Overlay {
				t.Fatalf("%s became a job with %+v instead", text, spec)
			}
		}
		if job.Source == nil || job.Spec.String() != req.Spec || !job.Spec.IsZero() && !job.Spec.Format.Concrete() {
			t.Fatalf("%s became %+v", text, job)
		}
	})
}
