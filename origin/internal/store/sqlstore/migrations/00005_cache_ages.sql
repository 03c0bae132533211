-- +goose Up
ALTER TABLE assets ADD COLUMN cache_age INTEGER; -- how long caches may keep it, in nanoseconds; NULL is the edge's default
