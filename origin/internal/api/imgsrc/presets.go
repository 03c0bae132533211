package imgsrc

import (
	"encoding/json"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
	"github.com/pictor/pictor/shared/delivery"
)

type presetBody struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Description *string         `json:"description"`
	Params      json.RawMessage `json:"params"`
	CreatedAt   int64           `json:"created_at"`
	UpdatedAt   int64           `json:"updated_at"`
	UsageCount  int64           `json:"usage_count"`
}

func presetOf(p origin.Preset) presetBody {
	body := presetBody{ID: p.ID, Name: p.Name, Params: json.RawMessage(p.Params), CreatedAt: p.CreatedAt.Unix(),
		UpdatedAt: p.UpdatedAt.Unix(), UsageCount: p.Uses}
	if p.Description != "" {
		body.Description = &p.Description
	}
	return body
}

// params are the parameters of a delivery URL as JSON: numbers, booleans, or text as in the URL. Null leaves one out.
type params map[string]any

// compile gives the transform, and the parameters as they are given back.
func (p params) compile() (transform, text string, err error) {
	values := map[string]string{}
	for name, value := range p {
		switch value := value.(type) {
		case nil:
		case string:
			values[name] = value
		case bool, float64:
			plain, err := json.Marshal(value)
			if err != nil {
				return "", "", err
			}
			values[name] = string(plain)
		default:
			return "", "", origin.Errorf(origin.Invalid, "params: %s must be a number, a boolean or text", name)
		}
	}
	if transform, err = delivery.SrcTransform(values); err != nil {
		return "", "", &origin.Error{Kind: origin.Invalid, Message: "params: " + err.Error()}
	}
	back, err := json.Marshal(map[string]any(p))
	return transform, string(back), err
}

func (a *API) listPresets(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	presets, err := a.Core.ListPresets(r.Context(), who)
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusOK, struct {
		Presets []presetBody `json:"presets"`
		Total   int          `json:"total"`
	}{each(presets, presetOf), len(presets)})
}

func (a *API) createPreset(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	var in struct {
		Name        string  `json:"name"`
		Description *string `json:"description"`
		Params      *params `json:"params"`
	}
	if err := kit.ReadJSON(r, &in); err != nil {
		return err
	}
	if in.Params == nil || *in.Params == nil {
		return origin.Errorf(origin.Invalid, "params: is missing")
	}
	preset := origin.Preset{Name: in.Name}
	if in.Description != nil {
		preset.Description = *in.Description
	}
	var err error
	if preset.Transform, preset.Params, err = in.Params.compile(); err != nil {
		return err
	}
	if preset, err = a.Core.CreatePreset(r.Context(), who, preset); err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusCreated, presetOf(preset))
}

func (a *API) findPreset(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	preset, err := a.Core.FindPreset(r.Context(), who, chi.URLParam(r, "id"))
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusOK, presetOf(preset))
}

// text is a string, or null, which takes it away.
type text struct {
	given bool
	value string
}

// UnmarshalJSON implements json.Unmarshaler; it is called for null too.
func (t *text) UnmarshalJSON(raw []byte) error {
	t.given = true
	return json.Unmarshal(raw, &t.value)
}

func (a *API) updatePreset(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	var in struct {
		Name        *string `json:"name"`
		Description text    `json:"description"`
		Params      *params `json:"params"`
	}
	if err := kit.ReadJSON(r, &in); err != nil {
		return err
	}
	patch := origin.PresetPatch{Name: in.Name}
	if in.Description.given {
		patch.Description = &in.Description.value
	}
	if in.Params != nil {
		transform, text, err := in.Params.compile()
		if err != nil {
			return err
		}
		patch.Transform, patch.Params = &transform, &text
	}
	preset, err := a.Core.UpdatePreset(r.Context(), who, chi.URLParam(r, "id"), patch)
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusOK, presetOf(preset))
}

func (a *API) deletePreset(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	name, err := param(r, "name")
	if err != nil {
		return err
	}
	if err := a.Core.DeletePreset(r.Context(), who, name); err != nil {
		return err
	}
	return writeDone(w, "Preset deleted")
}
