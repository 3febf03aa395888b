-- A store as the first schema made it, with one row where the second one changes something.
CREATE TABLE run (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    run TEXT NOT NULL,
    manifest TEXT NOT NULL,
    online_key TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'ending', 'stalled', 'closed')),
    words TEXT NOT NULL,
    latest TEXT NOT NULL,
    announcements INTEGER NOT NULL,
    cursor_pass INTEGER NOT NULL,
    cursor_place INTEGER NOT NULL,
    cursor_first INTEGER NOT NULL,
    trained_tokens INTEGER NOT NULL,
    credited_tokens INTEGER NOT NULL,
    started_milliseconds INTEGER
) STRICT;
CREATE TABLE shards (
    shard INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    tokens INTEGER NOT NULL
) STRICT;
CREATE TABLE invites (
    secret_sha256 TEXT PRIMARY KEY,
    uses_left INTEGER NOT NULL CHECK (uses_left >= 0),
    expires_at_s INTEGER NOT NULL,
    trusted INTEGER NOT NULL
) STRICT;
CREATE TABLE contributors (
    contributor TEXT PRIMARY KEY,
    trusted INTEGER NOT NULL,
    registered_milliseconds INTEGER NOT NULL
) STRICT;
CREATE TABLE assignments (
    assignment_id TEXT PRIMARY KEY,
    contributor TEXT NOT NULL REFERENCES contributors,
    device TEXT NOT NULL,
    session TEXT NOT NULL,
    request INTEGER NOT NULL,
    signed TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('leased', 'ended', 'accepted', 'refused')),
    expires_milliseconds INTEGER NOT NULL,
    renewed INTEGER NOT NULL DEFAULT 0,
    handed_on INTEGER NOT NULL DEFAULT 0,
    update_sha256 TEXT,
    answer TEXT,
    CHECK ((answer IS NULL) = (state IN ('leased', 'ended')))
) STRICT;
CREATE INDEX assignments_by_state ON assignments (state, expires_milliseconds);
CREATE INDEX assignments_by_device ON assignments (contributor, device, version);
CREATE TABLE gaps (
    gap_id INTEGER PRIMARY KEY AUTOINCREMENT,
    origin TEXT NOT NULL REFERENCES assignments,
    pass_number INTEGER NOT NULL,
    shard INTEGER NOT NULL REFERENCES shards,
    first INTEGER NOT NULL,
    count INTEGER NOT NULL CHECK (count > 0)
) STRICT;
CREATE INDEX gaps_by_origin ON gaps (origin);
CREATE TABLE rounds (
    round INTEGER PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('gathering', 'merging', 'stalled', 'published')),
    plan TEXT,
    plan_digest TEXT,
    fence INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX one_gathering ON rounds (state) WHERE state = 'gathering';
CREATE UNIQUE INDEX one_merging ON rounds ((1)) WHERE state IN ('merging', 'stalled');
CREATE TABLE updates (
    update_sha256 TEXT PRIMARY KEY,
    assignment_id TEXT NOT NULL UNIQUE REFERENCES assignments,
    round INTEGER NOT NULL REFERENCES rounds,
    merged TEXT NOT NULL CHECK (merged IN ('yes', 'late')),
    staleness INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    payload_sha256 TEXT NOT NULL,
    payload_size INTEGER NOT NULL,
    loss_last_micro INTEGER NOT NULL,
    accepted_milliseconds INTEGER NOT NULL,
    stored INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX updates_by_round ON updates (round);
CREATE TABLE credits (
    sequence INTEGER PRIMARY KEY,
    assignment_id TEXT NOT NULL UNIQUE REFERENCES assignments,
    contributor TEXT NOT NULL REFERENCES contributors,
    tokens INTEGER NOT NULL,
    credit_micro INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'verified', 'revoked')),
    receipt TEXT NOT NULL
) STRICT;
CREATE INDEX credits_by_contributor ON credits (contributor, sequence);
CREATE TABLE versions (
    branch INTEGER NOT NULL,
    number INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    announcement TEXT NOT NULL,
    patch_sha256 TEXT,
    patch_size INTEGER,
    keyframe_sha256 TEXT,
    keyframe_size INTEGER,
    PRIMARY KEY (branch, number)
) STRICT;
CREATE TABLE evaluations (
    version INTEGER PRIMARY KEY,
    loss_micro INTEGER NOT NULL,
    tokens INTEGER NOT NULL
) STRICT;
CREATE TABLE blobs (
    sha256 TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('data', 'version', 'payload', 'state')),
    number INTEGER NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (sha256, kind, number)
) STRICT;
CREATE INDEX blobs_by_kind ON blobs (kind, number);
INSERT INTO run VALUES (1, 'run', 'manifest', 'the key', 'open', '', 'latest', 1, 0, 0, 0, 0, 0, NULL);
INSERT INTO invites VALUES ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 3, 9, 1);
INSERT INTO contributors VALUES ('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 1, 7);
PRAGMA user_version = 1;
