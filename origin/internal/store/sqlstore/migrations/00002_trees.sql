-- +goose Up
-- Accounts have a plan, and say how their pictures are delivered; '{}' is the default.
ALTER TABLE accounts ADD COLUMN plan TEXT NOT NULL DEFAULT 'pro';
ALTER TABLE accounts ADD COLUMN settings TEXT NOT NULL DEFAULT '{}'; -- JSON of origin.Settings

CREATE TABLE presets (
    id          TEXT    PRIMARY KEY,
    account     TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name        TEXT    NOT NULL,
    description TEXT    NOT NULL,
    transform   TEXT    NOT NULL,
    params      TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    UNIQUE (account, name)
) STRICT;

-- Keys that are one text, which they are found by the hash of. Family '' are keys of an id and a secret.
ALTER TABLE api_keys ADD COLUMN family TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN hint TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN scopes INTEGER NOT NULL DEFAULT 3;
ALTER TABLE api_keys ADD COLUMN expires_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE api_keys ADD COLUMN requests INTEGER NOT NULL DEFAULT 0;
CREATE INDEX api_keys_hash ON api_keys (secret_hash, family);

-- The paths of pictures that accounts keep in a tree, the oldest first. Several may lead to one asset.
ALTER TABLE assets ADD COLUMN filename TEXT NOT NULL DEFAULT '';
CREATE TABLE asset_paths (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT    NOT NULL,
    path      TEXT    NOT NULL,
    stem      TEXT    NOT NULL, -- the path without its extension
    asset     TEXT    NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    UNIQUE (namespace, path)
) STRICT;
CREATE INDEX asset_paths_stem ON asset_paths (namespace, stem, seq);
CREATE INDEX asset_paths_asset ON asset_paths (asset, seq);
CREATE INDEX assets_namespace_newest ON assets (namespace, created_at, id);

ALTER TABLE usage_days ADD COLUMN renders INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_days ADD COLUMN uploads INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_days ADD COLUMN calls INTEGER NOT NULL DEFAULT 0; -- with API keys
