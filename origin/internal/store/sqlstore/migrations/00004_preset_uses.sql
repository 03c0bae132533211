-- +goose Up
ALTER TABLE presets ADD COLUMN uses INTEGER NOT NULL DEFAULT 0; -- in deliveries
