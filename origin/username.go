package origin

import (
	"fmt"
	"strings"
)

const maxUsernameBytes = 32

// reservedUsernames stand, or may come to stand, where a username could be in a URL.
var reservedUsernames = func() map[string]bool {
	words := "about account accounts admin api app apps asset assets auth avatar billing blog cdn dashboard debug " +
		"delivery demo docs e edge explore favicon files health healthz help home i image images img info invite invites " +
		"legal login logout mail metrics new null oauth origin pictor private public readyz register robots root " +
		"search security settings share sign signin signout signup static status support system t team teams terms " +
		"undefined upload uploads usage user users v v1 v2 v3 video videos webhook webhooks well-known www"
	set := map[string]bool{}
	for _, word := range strings.Fields(words) {
		set[word] = true
	}
	return set
}()

func checkUsername(name string) error {
	if name == "" || len(name) > maxUsernameBytes || slug(name, maxUsernameBytes) != name {
		return Errorf(Invalid, "username must be 1 to %d of a–z, 0–9 and single hyphens inside", maxUsernameBytes)
	}
	if reservedUsernames[name] {
		return Errorf(Invalid, "username is a reserved word")
	}
	return nil
}

// freeUsername derives a username from the local part of the e-mail, numbered if need be.
func freeUsername(tx ReadTx, email string) (string, error) {
	local, _, _ := strings.Cut(email, "@")
	stem := slug(local, maxUsernameBytes-8)
	if stem == "" {
		stem = "user"
	}
	name := stem
	for n := 2; ; n++ {
		if !reservedUsernames[name] {
			_, err := tx.AccountByUsername(name)
			if KindOf(err) == NotFound {
				return name, nil
			}
			if err != nil {
				return "", err
			}
		}
		name = fmt.Sprintf("%s-%d", stem, n)
	}
}

// slug keeps [a-z0-9] of the lower-cased text, with one hyphen for every run of other characters inside it, in at most
// limit bytes.
func slug(text string, limit int) string {
	var b strings.Builder
	for _, r := range strings.ToLower(text) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else if s := b.String(); s != "" && s[len(s)-1] != '-' {
			b.WriteByte('-')
		}
	}
	s := b.String()
	return strings.Trim(s[:min(len(s), limit)], "-")
}
