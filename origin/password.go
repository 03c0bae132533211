package origin

import (
	"context"
	"fmt"
	"runtime"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"
)

const (
	minPasswordChars = 8
	maxPasswordBytes = 72 // bcrypt ignores what is beyond
)

// passwords hashes and compares on all cores but one: bcrypt takes a core for a quarter of a second, and a wave of
// sign-ins must not stop everything else.
type passwords struct {
	cost  int
	slots chan struct{}
	decoy []byte // compared for e-mails that nobody has, so that they take as long
}

func newPasswords(cost int) (*passwords, error) {
	decoy, err := bcrypt.GenerateFromPassword([]byte("nobody has this password"), cost)
	if err != nil {
		return nil, fmt.Errorf("hash a password: %w", err)
	}
	return &passwords{cost: cost, slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1)), decoy: decoy}, nil
}

// hash checks a new password against the rules and hashes it.
func (p *passwords) hash(ctx context.Context, password string) ([]byte, error) {
	if utf8.RuneCountInString(password) < minPasswordChars {
		return nil, Errorf(Invalid, "password must have at least %d characters", minPasswordChars)
	}
	if len(password) > maxPasswordBytes {
		return nil, Errorf(Invalid, "password must have at most %d bytes", maxPasswordBytes)
	}
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	defer p.leave()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), p.cost)
	if err != nil {
		return nil, fmt.Errorf("hash a password: %w", err)
	}
	return hash, nil
}

// match compares in the same time whether or not there is a hash.
func (p *passwords) match(ctx context.Context, hash []byte, password string) (bool, error) {
	if err := p.enter(ctx); err != nil {
		return false, err
	}
	defer p.leave()
	known := len(hash) > 0
	if !known {
		hash = p.decoy
	}
	err := bcrypt.CompareHashAndPassword(hash, []byte(password))
	// The length again: Compare would take a longer password whose first 72 bytes fit.
	return err == nil && known && len(password) <= maxPasswordBytes, nil
}

func (p *passwords) enter(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *passwords) leave() { <-p.slots }
