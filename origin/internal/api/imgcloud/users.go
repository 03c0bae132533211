package imgcloud

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
)

type userBody struct {
	ID        string      `json:"id"`
	Email     string      `json:"email"`
	Username  string      `json:"username"`
	Role      origin.Role `json:"role"`
	Plan      origin.Plan `json:"plan"`
	Disabled  bool        `json:"disabled"`
	CreatedAt stamp       `json:"created_at"`
	UpdatedAt stamp       `json:"updated_at"`
}

func userOf(a origin.Account) userBody {
	return userBody{a.ID, a.Email, a.Username, a.Role, a.Plan, a.Disabled, stamp(a.CreatedAt), stamp(a.UpdatedAt)}
}

func (a *API) listUsers(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	query, err := readQuery(r)
	if err != nil {
		return err
	}
	limit, err := query.limit()
	if err != nil {
		return err
	}
	accounts, next, err := a.Core.ListAccounts(r.Context(), who, origin.Page{After: query.Get("cursor"), Limit: limit})
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusOK, struct {
		Users []userBody `json:"users"`
		Next  *string    `json:"next_cursor"`
	}{each(accounts, userOf), orNull(next)})
}

func (a *API) createUser(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	var in struct {
		Email    string      `json:"email"`
		Username string      `json:"username"`
		Password string      `json:"password"`
		Role     origin.Role `json:"role"`
		Plan     origin.Plan `json:"plan"`
	}
	if err := kit.ReadJSON(r, &in); err != nil {
		return err
	}
	account, err := a.Core.CreateAccount(r.Context(), who, origin.NewAccount(in))
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusCreated, userOf(account))
}

func (a *API) updateUser(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	var in struct {
		Email    *string      `json:"email"`
		Username *string      `json:"username"`
		Password *string      `json:"password"`
		Role     *origin.Role `json:"role"`
		Plan     *origin.Plan `json:"plan"`
		Disabled *bool        `json:"disabled"`
	}
	if err := kit.ReadJSON(r, &in); err != nil {
		return err
	}
	account, err := a.Core.UpdateAccount(r.Context(), who, chi.URLParam(r, "id"), origin.AccountPatch(in))
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusOK, userOf(account))
}

func (a *API) deleteUser(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	if err := a.Core.DeleteAccount(r.Context(), who, chi.URLParam(r, "id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
