package imgcloud

import (
	"net/http"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
)

// usage sums up storage as it is now, and delivery within the calendar month, UTC.
func (a *API) usage(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	query, err := readQuery(r)
	if err != nil {
		return err
	}
	all, err := parseBool("all", query.Get("all"))
	if err != nil {
		return err
	}
	sum, start, err := a.Core.Usage(r.Context(), who, all)
	if err != nil {
		return err
	}
	scope := "own"
	if all {
		scope = "all"
	}
	return kit.WriteJSON(w, http.StatusOK, struct {
		Assets         int64  `json:"assets"`
		StorageBytes   int64  `json:"storage_bytes"`
		Requests       int64  `json:"requests"`
		BandwidthBytes int64  `json:"bandwidth_bytes"`
		PeriodStart    stamp  `json:"period_start"`
		PeriodEnd      stamp  `json:"period_end"`
		Scope          string `json:"scope"`
	}{sum.Assets, sum.StorageBytes, sum.Requests, sum.BandwidthBytes, stamp(start), stamp(start.AddDate(0, 1, 0)), scope})
}
