package imgsrc

import (
	"net/http"
	"strings"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
)

// planLimits are all null: who hosts Pictor has the disks and the lines.
type planLimits struct {
	Uploads         *int64 `json:"max_uploads_per_month"`
	StorageBytes    *int64 `json:"max_storage_bytes"`
	Bandwidth       *int64 `json:"max_bandwidth_per_month"`
	APIRequests     *int64 `json:"max_api_requests_per_month"`
	Transformations *int64 `json:"max_transformations_per_month"`
}

type period struct {
	Period          string `json:"period"` // YYYY-MM
	Start           int64  `json:"period_start"`
	End             int64  `json:"period_end"`
	Uploads         int64  `json:"uploads"`
	BandwidthBytes  int64  `json:"bandwidth_bytes"`
	APIRequests     int64  `json:"api_requests"`
	Transformations int64  `json:"transformations"`
}

type credits struct {
	StorageBytes    int64 `json:"storage_bytes"`
	APIRequests     int64 `json:"api_requests"`
	Transformations int64 `json:"transformations"`
}

type usageBody struct {
	Plan               origin.Plan `json:"plan"`
	PlanName           string      `json:"plan_name"`
	PlanStatus         string      `json:"plan_status"`
	SubscriptionEndsAt *int64      `json:"subscription_ends_at"`
	PlanLimits         planLimits  `json:"plan_limits"`
	TotalImages        int64       `json:"total_images"`
	StorageUsedBytes   int64       `json:"storage_used_bytes"`
	StorageUsedMB      float64     `json:"storage_used_mb"`
	StorageUsedGB      float64     `json:"storage_used_gb"`
	CurrentPeriod      period      `json:"current_period"`
	Credits            credits     `json:"credits"`
}

// usage sums up storage as it is now, and the rest within the calendar month, UTC.
func (a *API) usage(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	sum, start, err := a.Core.Usage(r.Context(), who, false)
	if err != nil {
		return err
	}
	plan := string(who.Account.Plan)
	return kit.WriteJSON(w, http.StatusOK, usageBody{Plan: who.Account.Plan,
		PlanName: strings.ToUpper(plan[:1]) + plan[1:], PlanStatus: "active", TotalImages: sum.Assets,
		StorageUsedBytes: sum.StorageBytes, StorageUsedMB: float64(sum.StorageBytes) / (1 << 20),
		StorageUsedGB: float64(sum.StorageBytes) / (1 << 30),
		CurrentPeriod: period{Period: start.Format("2006-01"), Start: start.Unix(), End: start.AddDate(0, 1, 0).Unix(),
			Uploads: sum.Uploads, BandwidthBytes: sum.BandwidthBytes, APIRequests: sum.Calls, Transformations: sum.Renders}})
}
