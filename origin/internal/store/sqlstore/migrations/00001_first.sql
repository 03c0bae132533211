-- +goose Up
-- Times are Unix nanoseconds, 0 for none.

CREATE TABLE accounts (
    id            TEXT    PRIMARY KEY,
    email         TEXT    NOT NULL UNIQUE,
    username      TEXT    NOT NULL UNIQUE,
    role          TEXT    NOT NULL CHECK (role IN ('admin', 'user')),
    disabled      INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    password_hash BLOB    NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    hash       TEXT    PRIMARY KEY,
    account    TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    address    TEXT    NOT NULL,
    agent      TEXT    NOT NULL
) STRICT;
CREATE INDEX sessions_account ON sessions (account);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE api_keys (
    id           TEXT    PRIMARY KEY,
    account      TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name         TEXT    NOT NULL,
    secret_hash  BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    revoked_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL
) STRICT;
CREATE INDEX api_keys_account ON api_keys (account, created_at, id);

CREATE TABLE blobs (
    digest      TEXT    PRIMARY KEY,
    bytes       INTEGER NOT NULL,
    source      TEXT    NOT NULL, -- JSON of wire.Source
    created_at  INTEGER NOT NULL,
    released_at INTEGER NOT NULL
) STRICT;

CREATE TABLE assets (
    id         TEXT    PRIMARY KEY,
    account    TEXT    NOT NULL REFERENCES accounts (id),
    namespace  TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    folder     TEXT    NOT NULL,
    visibility TEXT    NOT NULL CHECK (visibility IN ('public', 'private')),
    version    INTEGER NOT NULL CHECK (version > 0),
    digest     TEXT    NOT NULL REFERENCES blobs (digest),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    search     TEXT    NOT NULL, -- name, folder and tags in lower case, a line each
    UNIQUE (namespace, name)
) STRICT;
CREATE INDEX assets_digest ON assets (digest);
-- The lists: newest first, of all or of an account, and of a folder in either.
CREATE INDEX assets_newest ON assets (created_at, id);
CREATE INDEX assets_folder ON assets (folder, created_at, id);
CREATE INDEX assets_account ON assets (account, created_at, id);
CREATE INDEX assets_account_folder ON assets (account, folder, created_at, id);

-- account and created_at repeat those of the asset, so that the list of a tag comes out of an index in order.
CREATE TABLE asset_tags (
    asset      TEXT    NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    position   INTEGER NOT NULL,
    tag        TEXT    NOT NULL,
    account    TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (asset, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX asset_tags_newest ON asset_tags (tag, created_at, asset);
CREATE INDEX asset_tags_account ON asset_tags (account, tag, created_at, asset);

-- The newest change of each name. AUTOINCREMENT: no number is ever used twice.
CREATE TABLE changes (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    UNIQUE (namespace, name)
) STRICT;

CREATE TABLE usage_days (
    account  TEXT    NOT NULL, -- stays when the account goes
    day      TEXT    NOT NULL, -- UTC, YYYY-MM-DD
    requests INTEGER NOT NULL,
    bytes    INTEGER NOT NULL,
    PRIMARY KEY (account, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_batches (
    id      TEXT    PRIMARY KEY,
    seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_batches_age ON usage_batches (seen_at);

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
