package imgcloud

import (
	"net/http"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
)

func (a *API) login(w http.ResponseWriter, r *http.Request, _ origin.Principal) error {
	var in struct {
		Email    string `json:"email"`
		Password string `json:"password"`
	}
	if err := kit.ReadJSON(r, &in); err != nil {
		return err
	}
	account, token, expires, err := a.Core.SignIn(r.Context(), in.Email, in.Password, a.client(r))
	if err != nil {
		return err
	}
	kit.SetSession(w, token, expires, a.secure(r))
	return kit.WriteJSON(w, http.StatusOK, userOf(account))
}

// logout succeeds without a session too: its purpose is then met already.
func (a *API) logout(w http.ResponseWriter, r *http.Request, _ origin.Principal) error {
	if token := kit.SessionToken(r); token != "" {
		if err := a.Core.SignOut(r.Context(), token); err != nil {
			return err
		}
	}
	kit.ClearSession(w, a.secure(r))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) me(w http.ResponseWriter, _ *http.Request, who origin.Principal) error {
	return kit.WriteJSON(w, http.StatusOK, userOf(who.Account))
}

func (a *API) changePassword(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	var in struct {
		Current string `json:"current_password"`
		New     string `json:"new_password"`
	}
	if err := kit.ReadJSON(r, &in); err != nil {
		return err
	}
	if err := a.Core.ChangePassword(r.Context(), who, in.Current, in.New); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
