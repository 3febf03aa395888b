"""The tables, and the one connection that writes and checkpoints them."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sparewatt.errors import StorageError

SCHEMA_VERSION: Final = 2
APPLICATION_ID: Final = 0x53504157

SCHEMA: Final = """
CREATE TABLE run (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    run TEXT NOT NULL,
    manifest TEXT NOT NULL,
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
CREATE TABLE online_keys (
    place INTEGER PRIMARY KEY,
    signed TEXT NOT NULL
) STRICT;
CREATE TABLE shards (
    shard INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    tokens INTEGER NOT NULL
) STRICT;
CREATE TABLE invites (
    secret_sha256 TEXT PRIMARY KEY,
    uses INTEGER NOT NULL,
    uses_left INTEGER NOT NULL CHECK (uses_left >= 0),
    expires_at_s INTEGER NOT NULL,
    trusted INTEGER NOT NULL,
    revoked INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE contributors (
    contributor TEXT PRIMARY KEY,
    trusted INTEGER NOT NULL,
    registered_milliseconds INTEGER NOT NULL,
    seen_milliseconds INTEGER NOT NULL,
    revoked INTEGER NOT NULL DEFAULT 0
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
"""

# From schema 1, which did not keep what an invite had allowed and when a contributor was last seen. The old column of
# the key stays: not every SQLite can drop one.
FROM_1: Final = """
CREATE TABLE online_keys (place INTEGER PRIMARY KEY, signed TEXT NOT NULL) STRICT;
INSERT INTO online_keys (signed) SELECT online_key FROM run;
ALTER TABLE invites ADD COLUMN uses INTEGER NOT NULL DEFAULT 0;
UPDATE invites SET uses = uses_left;
ALTER TABLE invites ADD COLUMN revoked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contributors ADD COLUMN seen_milliseconds INTEGER NOT NULL DEFAULT 0;
UPDATE contributors SET seen_milliseconds = registered_milliseconds;
ALTER TABLE contributors ADD COLUMN revoked INTEGER NOT NULL DEFAULT 0;
"""


def connect(path: Path, create: bool) -> sqlite3.Connection:
    """The only connection to the database, usable from one thread at a time.

    The lock is exclusive, because SQLite 3.7 to 3.51.2 can damage a database when one connection writes while another
    one resets the log.

    Raises:
        StorageError: ``storage.missing``, ``storage.full``, ``storage.damaged``, ``storage.unusable`` or
            ``storage.newer`` for a database of a newer schema.
    """
    if not create and not path.is_file():
        raise StorageError("storage.missing", path=str(path))
    with database_errors(path):
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
    try:
        with database_errors(path):
            for pragma in (
                "locking_mode = EXCLUSIVE",
                "journal_mode = WAL",
                "synchronous = FULL",
                "foreign_keys = ON",
                "trusted_schema = OFF",
            ):
                connection.execute(f"PRAGMA {pragma}")
            _migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """All or nothing, durable at the end."""
    with database_errors(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Turns what a disk does to SQLite into a `StorageError`; a broken constraint stays what it is, a bug."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith("SQLITE_FULL"):
            raise StorageError("storage.full", folder=str(path.parent)) from error
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            raise StorageError("storage.damaged", path=str(path)) from error
        if name.startswith(
            ("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_BUSY", "SQLITE_LOCKED")
        ):
            raise StorageError("storage.unusable", folder=str(path.parent), code=name) from error
        raise


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > SCHEMA_VERSION:
        raise StorageError("storage.newer", path=str(path), found=found, known=SCHEMA_VERSION)
    if found < SCHEMA_VERSION:
        connection.executescript(
            f"BEGIN IMMEDIATE; {FROM_1 if found else SCHEMA} PRAGMA application_id = {APPLICATION_ID};"
            f" PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )
