-- +goose Up
-- The dominant colour, #rrggbb; '' while it is not known. It is the asset's, not the blob's: who uploads what somebody
-- else has must not see that in a colour that is known at once.
ALTER TABLE assets ADD COLUMN colour TEXT NOT NULL DEFAULT '';
