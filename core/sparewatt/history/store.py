"""The account's database: sums by day, device and run, and the last assignments.

Blocking, and confined to the thread that opened it. It is written at most once a minute by a transaction each; a
power cut may cost that minute and nothing else, so it does not wait for the disk (WAL, synchronous=NORMAL).
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import msgspec

from sparewatt.durable import make_folder, storage_errors
from sparewatt.errors import StorageError
from sparewatt.history.calendar import period_begin
from sparewatt.history.rows import EnergyRow, PastAssignment, Period, TrafficRow

DATABASE: Final = "history.sqlite"
SCHEMA_VERSION: Final = 2
# Two years and a month, for a look at the same month of the year before last.
DAYS_KEPT: Final = 765
ASSIGNMENTS_KEPT: Final = 5_000
ROWS_MOST: Final = 3_000

_SCHEMA: Final = """
CREATE TABLE energy (
    day TEXT NOT NULL, device TEXT NOT NULL, run TEXT NOT NULL, millijoules INTEGER NOT NULL,
    estimated_millijoules INTEGER NOT NULL, busy_milliseconds INTEGER NOT NULL,
    unmeasured_milliseconds INTEGER NOT NULL, cost_micro INTEGER NOT NULL, carbon_milligrams INTEGER NOT NULL,
    tokens INTEGER NOT NULL, PRIMARY KEY (day, device, run)) STRICT;
CREATE TABLE traffic (
    day TEXT PRIMARY KEY, bytes_up INTEGER NOT NULL, bytes_down INTEGER NOT NULL,
    bytes_written INTEGER NOT NULL) STRICT;
CREATE TABLE assignments (
    assignment_id TEXT PRIMARY KEY, run TEXT NOT NULL, device TEXT NOT NULL, began_unix_s INTEGER NOT NULL,
    ended_unix_s INTEGER NOT NULL, tokens INTEGER NOT NULL, millijoules INTEGER NOT NULL, estimated INTEGER NOT NULL,
    measured INTEGER NOT NULL) STRICT;
CREATE INDEX assignments_by_end ON assignments (ended_unix_s);
"""
# Until then every result that was sent counted as written.
_SINCE_2: Final = """
ALTER TABLE traffic ADD COLUMN bytes_written INTEGER NOT NULL DEFAULT 0;
UPDATE traffic SET bytes_written = bytes_up;
"""
_SUMMED: Final = (
    "millijoules", "estimated_millijoules", "busy_milliseconds", "unmeasured_milliseconds", "cost_micro",
    "carbon_milligrams", "tokens",
)  # fmt: skip
_ADD_ENERGY: Final = """
INSERT INTO energy VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (day, device, run) DO UPDATE SET
    millijoules = millijoules + excluded.millijoules,
    estimated_millijoules = estimated_millijoules + excluded.estimated_millijoules,
    busy_milliseconds = busy_milliseconds + excluded.busy_milliseconds,
    unmeasured_milliseconds = unmeasured_milliseconds + excluded.unmeasured_milliseconds,
    cost_micro = cost_micro + excluded.cost_micro,
    carbon_milligrams = carbon_milligrams + excluded.carbon_milligrams,
    tokens = tokens + excluded.tokens
"""
_ADD_TRAFFIC: Final = (
    "INSERT INTO traffic VALUES (?, ?, ?, ?) ON CONFLICT (day) DO UPDATE SET "
    "bytes_up = bytes_up + excluded.bytes_up, bytes_down = bytes_down + excluded.bytes_down, "
    "bytes_written = bytes_written + excluded.bytes_written"
)


class HistoryStore:
    """Made by `open_history`; every method may raise StorageError ``storage.full`` or ``storage.unusable``."""

    def __init__(self, connection: sqlite3.Connection, folder: Path) -> None:
        self._connection = connection
        self._folder = folder

    def close(self) -> None:
        self._connection.close()

    def add(
        self,
        energy: Sequence[EnergyRow],
        traffic: Sequence[TrafficRow],
        assignments: Sequence[PastAssignment],
        today: date,
    ) -> None:
        """Adds to the days' sums, keeps ended assignments, and forgets what is too old."""
        with _database_errors(self._folder):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._write(energy, traffic, assignments, today)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _write(
        self,
        energy: Sequence[EnergyRow],
        traffic: Sequence[TrafficRow],
        assignments: Sequence[PastAssignment],
        today: date,
    ) -> None:
        rows = [(row.begins, row.device, row.run, *(getattr(row, name) for name in _SUMMED)) for row in energy]
        self._connection.executemany(_ADD_ENERGY, rows)
        self._connection.executemany(_ADD_TRAFFIC, [msgspec.structs.astuple(row) for row in traffic])
        self._connection.executemany(
            "INSERT OR REPLACE INTO assignments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (each.assignment_id, each.run, each.device, each.began_unix_s, each.ended_unix_s, each.tokens,
                 each.millijoules, each.estimated, each.measured)
                for each in assignments
            ],
        )  # fmt: skip
        oldest = (today - timedelta(days=DAYS_KEPT)).isoformat()
        self._connection.execute("DELETE FROM energy WHERE day < ?", (oldest,))
        self._connection.execute("DELETE FROM traffic WHERE day < ?", (oldest,))
        self._connection.execute(
            "DELETE FROM assignments WHERE assignment_id IN "
            "(SELECT assignment_id FROM assignments ORDER BY ended_unix_s DESC LIMIT -1 OFFSET ?)",
            (ASSIGNMENTS_KEPT,),
        )

    def energy(self, since: date, period: Period) -> tuple[EnergyRow, ...]:
        """Sums of every period from the day `since` on, oldest first; of very many rows the newest."""
        with _database_errors(self._folder):
            found = self._connection.execute(
                "SELECT * FROM energy WHERE day >= ? ORDER BY day, device, run", (since.isoformat(),)
            ).fetchall()
        sums: dict[tuple[str, str, str], list[int]] = {}
        for day, device, run, *values in found:
            key = (period_begin(date.fromisoformat(day), period).isoformat(), device, run)
            before = sums.setdefault(key, [0] * len(_SUMMED))
            sums[key] = [one + other for one, other in zip(before, values, strict=True)]
        return tuple(EnergyRow(*key, *values) for key, values in sums.items())[-ROWS_MOST:]

    def traffic(self, since: date, period: Period) -> tuple[TrafficRow, ...]:
        """Bytes of every period from the day `since` on, oldest first."""
        with _database_errors(self._folder):
            found = self._connection.execute(
                "SELECT day, bytes_up, bytes_down, bytes_written FROM traffic WHERE day >= ? ORDER BY day",
                (since.isoformat(),),
            ).fetchall()
        sums: dict[str, list[int]] = {}
        for day, *moved in found:
            before = sums.setdefault(period_begin(date.fromisoformat(day), period).isoformat(), [0, 0, 0])
            before[:] = [one + other for one, other in zip(before, moved, strict=True)]
        return tuple(TrafficRow(begins, *moved) for begins, moved in sums.items())

    def assignments(self, before_unix_s: int, limit: int) -> tuple[PastAssignment, ...]:
        """The newest that ended before a moment, newest first."""
        with _database_errors(self._folder):
            found = self._connection.execute(
                "SELECT * FROM assignments WHERE ended_unix_s < ? ORDER BY ended_unix_s DESC, assignment_id LIMIT ?",
                (before_unix_s, limit),
            ).fetchall()
        return tuple(_past_assignment(row) for row in found)


def _past_assignment(row: tuple[str, str, str, int, int, int, int, int, int]) -> PastAssignment:
    *plain, estimated, measured = row
    return msgspec.convert(
        dict(zip(PastAssignment.__struct_fields__, (*plain, bool(estimated), bool(measured)), strict=True)),
        PastAssignment,
    )


def open_history(folder: Path) -> HistoryStore:
    """The account in `folder`. A damaged one is kept aside, and counting begins anew.

    Raises:
        StorageError: ``storage.newer`` when a newer program wrote it; ``storage.full`` or ``storage.unusable``.
    """
    with storage_errors(folder):
        make_folder(folder)
    path = folder / DATABASE
    try:
        return HistoryStore(_connect(path), folder)
    except StorageError as error:
        if error.error_id != "storage.damaged":
            raise
    with storage_errors(folder):
        path.replace(path.with_name(f"{DATABASE}.damaged"))
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    return HistoryStore(_connect(path), folder)


def _connect(path: Path) -> sqlite3.Connection:
    with _database_errors(path.parent):
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise StorageError("storage.damaged", path=str(path))
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > SCHEMA_VERSION:
                raise StorageError("storage.newer", found=version, known=SCHEMA_VERSION)
            if version < SCHEMA_VERSION:
                change = _SCHEMA if version == 0 else _SINCE_2
                connection.executescript(f"BEGIN IMMEDIATE; {change} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        except BaseException:
            connection.close()
            raise
    with storage_errors(path.parent):
        path.chmod(0o600)
    return connection


@contextmanager
def _database_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname == "SQLITE_FULL":
            raise StorageError("storage.full", folder=str(folder)) from error
        if error.sqlite_errorname.startswith(("SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN")):
            raise StorageError("storage.unusable", folder=str(folder), code=error.sqlite_errorcode) from error
        raise
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorname.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            raise StorageError("storage.damaged", path=str(folder)) from error
        raise
