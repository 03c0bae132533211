-- +goose Up
-- What accounts may cost the edges; '{}' is the default.
ALTER TABLE accounts ADD COLUMN limits TEXT NOT NULL DEFAULT '{}'; -- JSON of origin.AccountLimits
