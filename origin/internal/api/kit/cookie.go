package kit

import (
	"net/http"
	"time"
)

// SessionCookie holds the session token of a browser.
const SessionCookie = "pictor_session"

// SessionToken is the token that the request carries, or "".
func SessionToken(r *http.Request) string {
	cookie, err := r.Cookie(SessionCookie)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// SetSession gives the browser a session. Scripts cannot read it, and other sites' forms do not send it.
func SetSession(w http.ResponseWriter, token string, expires time.Time, secure bool) {
	http.SetCookie(w, sessionCookie(token, secure, func(c *http.Cookie) { c.Expires = expires.UTC() }))
}

// ClearSession takes it away.
func ClearSession(w http.ResponseWriter, secure bool) {
	http.SetCookie(w, sessionCookie("", secure, func(c *http.Cookie) { c.MaxAge = -1 }))
}

func sessionCookie(token string, secure bool, life func(*http.Cookie)) *http.Cookie {
	cookie := &http.Cookie{Name: SessionCookie, Value: token, Path: "/", HttpOnly: true, Secure: secure,
		SameSite: http.SameSiteLaxMode}
	life(cookie)
	return cookie
}
