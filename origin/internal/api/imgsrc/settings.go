package imgsrc

import (
	"encoding/json"
	"net/http"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
	"github.com/pictor/pictor/shared/delivery"
)

type settingsBody struct {
	ID               string      `json:"id"`
	Username         string      `json:"username"`
	Email            string      `json:"email"`
	Plan             origin.Plan `json:"plan"`
	DeliveryFormats  []string    `json:"delivery_formats"`
	DefaultQuality   int         `json:"default_quality"`
	DefaultFitMode   string      `json:"default_fit_mode"`
	DefaultMaxWidth  int         `json:"default_max_width,omitempty"`
	DefaultMaxHeight int         `json:"default_max_height,omitempty"`
	Theme            string      `json:"theme"`
	Language         string      `json:"language"`
	CreatedAt        int64       `json:"created_at"`
	UpdatedAt        int64       `json:"updated_at"`
	TotalUploads     int64       `json:"total_uploads"`
	StorageUsedBytes int64       `json:"storage_used_bytes"`
}

func (a *API) tellSettings(w http.ResponseWriter, r *http.Request, who origin.Principal, acc origin.Account,
	message string) error {
	sum, err := a.Core.Lifetime(r.Context(), who)
	if err != nil {
		return err
	}
	s := acc.Settings
	body := settingsBody{ID: acc.ID, Username: acc.Username, Email: acc.Email, Plan: acc.Plan,
		DeliveryFormats: each(s.Formats, formatWord), DefaultQuality: s.Quality, DefaultFitMode: delivery.SrcFitOf(s.Crop),
		DefaultMaxWidth: s.MaxWidth, DefaultMaxHeight: s.MaxHeight, Theme: s.Theme, Language: s.Language,
		CreatedAt: acc.CreatedAt.Unix(), UpdatedAt: acc.UpdatedAt.Unix(), TotalUploads: sum.Uploads,
		StorageUsedBytes: sum.StorageBytes}
	return kit.WriteJSON(w, http.StatusOK, struct {
		Settings settingsBody `json:"settings"`
		Message  string       `json:"message,omitempty"`
	}{body, message})
}

func (a *API) settings(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	acc, err := a.Core.Settings(r.Context(), who)
	if err != nil {
		return err
	}
	return a.tellSettings(w, r, who, acc, "")
}

// side is a number, or null, which takes a bound away.
type side struct {
	given bool
	px    int
}

// UnmarshalJSON implements json.Unmarshaler; it is called for null too.
func (s *side) UnmarshalJSON(text []byte) error {
	s.given = true
	if string(text) == "null" {
		return nil
	}
	if err := json.Unmarshal(text, &s.px); err != nil {
		return origin.Errorf(origin.Invalid, "a maximal size must be a whole number or null")
	}
	if s.px == 0 {
		s.px = -1 // not a size; the core refuses it
	}
	return nil
}

func (s side) patch() *int {
	if !s.given {
		return nil
	}
	return &s.px
}

func (a *API) updateSettings(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	var in struct {
		DeliveryFormats  *[]string `json:"delivery_formats"`
		DefaultQuality   *int      `json:"default_quality"`
		DefaultFitMode   *string   `json:"default_fit_mode"`
		DefaultMaxWidth  side      `json:"default_max_width"`
		DefaultMaxHeight side      `json:"default_max_height"`
		Theme            *string   `json:"theme"`
		Language         *string   `json:"language"`
	}
	if err := kit.ReadJSON(r, &in); err != nil {
		return err
	}
	patch := origin.SettingsPatch{Quality: in.DefaultQuality, MaxWidth: in.DefaultMaxWidth.patch(),
		MaxHeight: in.DefaultMaxHeight.patch(), Theme: in.Theme, Language: in.Language}
	if in.DeliveryFormats != nil {
		formats := each(*in.DeliveryFormats, formatName)
		patch.Formats = &formats
	}
	if in.DefaultFitMode != nil {
		crop, ok := delivery.SrcFit(*in.DefaultFitMode)
		if !ok {
			return origin.Errorf(origin.Invalid, "default_fit_mode: must be cover, contain, fill or scale-down")
		}
		patch.Crop = &crop
	}
	acc, err := a.Core.UpdateSettings(r.Context(), who, patch)
	if err != nil {
		return err
	}
	return a.tellSettings(w, r, who, acc, "Settings updated")
}

// formatWord is the dialect's word for a format; it differs for one.
func formatWord(name string) string {
	if name == "jpg" {
		return "jpeg"
	}
	return name
}

// formatName is the inverse of formatWord. What the core does not know, it refuses.
func formatName(word string) string {
	if word == "jpeg" {
		return "jpg"
	}
	return word
}
