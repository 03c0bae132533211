package stack

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Admin is how the first administrator signs in.
type Admin struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

// defaultEmail is the first administrator's where PICTOR_ADMIN_EMAIL says nothing.
const defaultEmail = "admin@pictor.local"

// firstAdmin takes PICTOR_ADMIN_EMAIL and PICTOR_ADMIN_PASSWORD; without a password it is the one made up at the first
// start, which stays in the data folder for «make demo».
func firstAdmin(data string) (Admin, error) {
	email := cmp.Or(os.Getenv("PICTOR_ADMIN_EMAIL"), defaultEmail)
	if password := os.Getenv("PICTOR_ADMIN_PASSWORD"); password != "" {
		return Admin{email, password}, nil
	}
	if known, ok := KnownAdmin(data); ok {
		return known, nil
	}
	made := Admin{email, rand.Text()}
	text, err := json.Marshal(made)
	if err != nil {
		return Admin{}, err
	}
	if err := os.WriteFile(adminFile(data), append(text, '\n'), 0o600); err != nil {
		return Admin{}, fmt.Errorf("keep the first administrator's password: %w", err)
	}
	return made, nil
}

// KnownAdmin gives the first administrator whose password was made up for this data folder.
func KnownAdmin(data string) (Admin, bool) {
	text, err := os.ReadFile(adminFile(data))
	if err != nil {
		return Admin{}, false
	}
	var a Admin
	return a, json.Unmarshal(text, &a) == nil
}

func adminFile(data string) string { return filepath.Join(data, "first-admin.json") }
