"""How the SQLite store keeps what it says, and what it refuses to open."""

import sqlite3
from pathlib import Path

import pytest

from sparewatt.errors import StorageError
from sparewatt_coordinator.store import sqlite
from sparewatt_coordinator.store.sqlite.schema import SCHEMA_VERSION, connect


def test_every_commit_reaches_the_disk_and_references_hold(tmp_path: Path) -> None:
    connection = connect(tmp_path / "run.sqlite3", create=True)
    found = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys", "locking_mode", "user_version")
    }
    connection.close()
    full = 2
    assert found == {
        "journal_mode": "wal",
        "synchronous": full,
        "foreign_keys": 1,
        "locking_mode": "exclusive",
        "user_version": SCHEMA_VERSION,
    }


def test_a_second_connection_is_kept_out(tmp_path: Path) -> None:
    store = sqlite.open(tmp_path / "run.sqlite3", create=True)
    with pytest.raises(StorageError, match=r"storage\.unusable"):
        sqlite.open(tmp_path / "run.sqlite3")
    store.close()


def test_only_a_store_that_is_there_and_understood_is_opened(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"storage\.missing"):
        sqlite.open(tmp_path / "none.sqlite3")
    damaged = tmp_path / "damaged.sqlite3"
    damaged.write_bytes(b"no database" * 1_000)
    with pytest.raises(StorageError, match=r"storage\.damaged"):
        sqlite.open(damaged)
    newer = tmp_path / "newer.sqlite3"
    connection = sqlite3.connect(newer)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(StorageError, match=r"storage\.newer"):
        sqlite.open(newer)


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    store = sqlite.open(tmp_path / "run.sqlite3", create=True)
    with pytest.raises(sqlite3.IntegrityError):
        store.create_invite("a" * 64, -1, 0, trusted=True)
    store.create_invite("a" * 64, 1, 0, trusted=True)
    store.close()


def test_a_store_of_the_first_schema_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite3"
    old = sqlite3.connect(path)
    old.executescript(Path(__file__).with_name("schema-1.sql").read_text(encoding="utf-8"))
    old.close()
    store = sqlite.open(path)
    (invite,) = store.invites()
    assert (invite.uses, invite.uses_left, invite.revoked) == (3, 3, False)
    store.revoke_contributor("b" * 64)
    store.close()
    again = sqlite3.connect(path)
    assert again.execute("SELECT signed FROM online_keys").fetchall() == [("the key",)]
    assert again.execute("SELECT seen_milliseconds, revoked FROM contributors").fetchall() == [(7, 1)]
    again.close()
