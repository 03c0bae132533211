package imgcloud

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
	"github.com/pictor/pictor/shared/limit"
)

type userBody struct {
	ID        string      `json:"id"`
	Email     string      `json:"email"`
	Username  string      `json:"username"`
	Role      origin.Role `json:"role"`
	Plan      origin.Plan `json:"plan"`
	Disabled  bool        `json:"disabled"`
	Limits    limitsBody  `json:"limits"`
	CreatedAt stamp       `json:"created_at"`
	UpdatedAt stamp       `json:"updated_at"`
}

func userOf(a origin.Account) userBody {
	return userBody{a.ID, a.Email, a.Username, a.Role, a.Plan, a.Disabled, limitsOf(a.Limits), stamp(a.CreatedAt),
		stamp(a.UpdatedAt)}
}

// limitsBody are limits of an account, as they are told and as they are set; null is the default.
type limitsBody struct {
	Requests    *rate   `json:"requests"`
	Misses      *rate   `json:"misses"`
	Variants    *int    `json:"variants"`
	NewVariants *string `json:"new_variants"`
}

func limitsOf(l origin.AccountLimits) limitsBody {
	return limitsBody{(*rate)(l.Requests), (*rate)(l.Misses), l.Variants, orNull(l.NewVariants)}
}

// limits are those of a request, nil where it has none.
func (b *limitsBody) limits() *origin.AccountLimits {
	if b == nil {
		return nil
	}
	l := &origin.AccountLimits{Requests: (*limit.Rate)(b.Requests), Misses: (*limit.Rate)(b.Misses), Variants: b.Variants}
	if b.NewVariants != nil {
		l.NewVariants = *b.NewVariants
	}
	return l
}

// rate is a limit.Rate whose errors a client may read.
type rate limit.Rate

// MarshalText implements encoding.TextMarshaler.
func (r rate) MarshalText() ([]byte, error) { return limit.Rate(r).MarshalText() }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *rate) UnmarshalText(text []byte) error {
	if err := (*limit.Rate)(r).UnmarshalText(text); err != nil {
		return origin.Errorf(origin.Invalid, "limits: a rate %v", err)
	}
	return nil
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

func (a *API) findUser(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	account, err := a.Core.FindAccount(r.Context(), who, chi.URLParam(r, "id"))
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusOK, userOf(account))
}

func (a *API) updateUser(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	var in struct {
		Email    *string      `json:"email"`
		Username *string      `json:"username"`
		Password *string      `json:"password"`
		Role     *origin.Role `json:"role"`
		Plan     *origin.Plan `json:"plan"`
		Disabled *bool        `json:"disabled"`
		Limits   *limitsBody  `json:"limits"`
	}
	if err := kit.ReadJSON(r, &in); err != nil {
		return err
	}
	account, err := a.Core.UpdateAccount(r.Context(), who, chi.URLParam(r, "id"), origin.AccountPatch{Email: in.Email,
		Username: in.Username, Password: in.Password, Role: in.Role, Plan: in.Plan, Disabled: in.Disabled,
		Limits: in.Limits.limits()})
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
