package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/config"
)

// bootstrap makes the first administrator, if there is nobody yet.
func bootstrap(ctx context.Context, core *origin.Core, cfg *config.Serve, log *slog.Logger) error {
	created, password, err := core.Bootstrap(ctx, cfg.AdminEmail, cfg.AdminPassword)
	if err != nil {
		return fmt.Errorf("PICTOR_ADMIN_EMAIL, PICTOR_ADMIN_PASSWORD: create the first administrator: %w", err)
	}
	switch {
	case password != "":
		tellFirstAdmin(log, cfg.FirstAdminFile, cfg.AdminEmail, password)
	case created:
		log.Info("first administrator created", "email", cfg.AdminEmail)
	}
	return nil
}

// tellFirstAdmin gives a made-up password away, once: to the file if there is to be one, else to the log. If the file
// cannot be written, the log must do, or nobody could ever sign in.
func tellFirstAdmin(log *slog.Logger, file, email, password string) {
	if file != "" {
		err := writeFirstAdmin(file, email, password)
		if err == nil {
			log.Info("first administrator created", "email", email, "password_file", file)
			return
		}
		log.Error("write first administrator", "error", err)
	}
	log.Info("first administrator created: note the password, it is not shown again", "email", email,
		"password", password)
}

func writeFirstAdmin(file, email, password string) error {
	text, err := json.Marshal(struct {
		Email    string `json:"email"`
		Password string `json:"password"`
	}{email, password})
	if err != nil {
		return err
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("PICTOR_FIRST_ADMIN_FILE: %w", err)
	}
	// A new file, so that nobody holds it open or keeps wider permissions on it.
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("PICTOR_FIRST_ADMIN_FILE: %w", err)
	}
	_, err = out.Write(append(text, '\n'))
	return errors.Join(err, out.Close())
}
