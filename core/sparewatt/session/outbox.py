"""What must not be lost: finished updates, receipts, refusals, joined runs and open assignments.

One SQLite database (WAL, synchronous=FULL, one connection) and, beside it, the files of `outbox_files`. The order of
an update's way, each step durable before the next:

    header file, payload file -> row -> offered, sent, committed -> receipt stored in the transaction that removes the
    row -> files deleted -> `Stored` sent -> forgotten

A crash between any two leaves something that `Outbox.open` puts right. Blocking, and confined to the thread that
opened it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from sparewatt.durable import make_folder, storage_errors
from sparewatt.errors import StorageError
from sparewatt.session.joined import JoinedRun
from sparewatt.session.outbox_files import OutboxFiles, OutboxRow
from sparewatt.session.trust import HighestSeen
from sparewatt.signing import Signed
from sparewatt.work.assignment import Assignment
from sparewatt.work.receipt import Receipt, Refusal
from sparewatt.work.update import Update
from sparewatt.work.version import BlobRef

SCHEMA_VERSION: Final = 2
RECEIPTS_A_PAGE_MOST: Final = 1_000

_SINCE_2: Final = """
CREATE TABLE blobs (
    run TEXT NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (run, sha256)) STRICT;
"""
_SCHEMA: Final = """
CREATE TABLE runs (
    run TEXT PRIMARY KEY, joined BLOB NOT NULL, branch INTEGER, number INTEGER, sequence INTEGER) STRICT;
CREATE TABLE online_keys (
    run TEXT NOT NULL, sequence INTEGER NOT NULL, signed BLOB NOT NULL, PRIMARY KEY (run, sequence)) STRICT;
CREATE TABLE updates (
    assignment_id TEXT PRIMARY KEY, run TEXT NOT NULL, device TEXT NOT NULL, position INTEGER NOT NULL,
    row BLOB NOT NULL) STRICT;
CREATE TABLE receipts (
    run TEXT NOT NULL, assignment_id TEXT NOT NULL, sequence INTEGER NOT NULL, tokens INTEGER NOT NULL,
    credit_micro INTEGER NOT NULL, state TEXT NOT NULL, signed BLOB NOT NULL,
    PRIMARY KEY (run, assignment_id, sequence)) STRICT;
CREATE INDEX receipts_in_order ON receipts (run, sequence);
CREATE TABLE refusals (
    run TEXT NOT NULL, assignment_id TEXT NOT NULL, signed BLOB NOT NULL, PRIMARY KEY (run, assignment_id)) STRICT;
CREATE TABLE unconfirmed (
    run TEXT NOT NULL, assignment_id TEXT NOT NULL, PRIMARY KEY (run, assignment_id)) STRICT;
CREATE TABLE assignments (
    assignment_id TEXT PRIMARY KEY, run TEXT NOT NULL, device TEXT NOT NULL, signed BLOB NOT NULL) STRICT;
"""


class Recovery(msgspec.Struct, frozen=True):
    """What opening found after a crash or damage.

    Attributes:
        quarantined: where a damaged database was moved to; None when it was sound.
        rows_restored: updates that only their files remembered.
        rows_lost: rows whose payload is gone or cut short; their assignments will be trained by somebody again.
        files_removed: payloads that nobody needs any more.
        runs_restored: joined runs that only their files remembered.
    """

    quarantined: str | None
    rows_restored: int
    rows_lost: int
    files_removed: int
    runs_restored: int


class RunTotals(msgspec.Struct, frozen=True):
    """A run in numbers; `credit_micro` and `tokens` by the newest receipt of each assignment, without revoked ones.

    Attributes:
        credit_today_micro: of updates that were accepted since `day_s`, the unix second at which that day began.
    """

    pending: int
    accepted: int
    refused: int
    receipts: int
    tokens: int
    credit_micro: int
    credit_today_micro: int
    day_s: int


class Outbox:
    """See the module. Made by `open_outbox`; every method may raise StorageError ``storage.full``,
    ``storage.unusable`` or ``storage.damaged``."""

    def __init__(self, connection: sqlite3.Connection, files: OutboxFiles) -> None:
        self._connection = connection
        self._files = files

    def close(self) -> None:
        self._connection.close()

    # Runs

    def join(self, joined: JoinedRun) -> None:
        """Keeps the consent to a run; joining again renews address and invite, and keeps what was seen."""
        self._files.write_run(joined)
        with self._transaction() as database:
            database.execute(
                "INSERT INTO runs (run, joined) VALUES (?, ?) ON CONFLICT (run) DO UPDATE SET joined = excluded.joined",
                (joined.run, msgspec.json.encode(joined)),
            )

    def leave(self, run: str) -> None:
        """Takes consent back: no session any more. Receipts and refusals stay; unsent updates are dropped."""
        rows = self.pending(run)
        with self._transaction() as database:
            database.execute("DELETE FROM runs WHERE run = ?", (run,))
            database.execute("DELETE FROM updates WHERE run = ?", (run,))
            database.execute("DELETE FROM assignments WHERE run = ?", (run,))
            database.execute("DELETE FROM unconfirmed WHERE run = ?", (run,))
            database.execute("DELETE FROM blobs WHERE run = ?", (run,))
        self._files.drop_run(run)
        for row in rows:
            self._files.drop(row.assignment_id)

    def runs(self) -> tuple[JoinedRun, ...]:
        """Every joined run with its key chain and the newest it has seen."""
        found: list[JoinedRun] = []
        with self._reading() as database:
            for run, joined, branch, number, sequence in database.execute(
                "SELECT run, joined, branch, number, sequence FROM runs ORDER BY run"
            ):
                keys = self._signed("SELECT signed FROM online_keys WHERE run = ? ORDER BY sequence", run)
                highest = None
                if sequence is not None:
                    highest = HighestSeen(branch=branch, number=number, sequence=sequence)
                kept = msgspec.json.decode(joined, type=JoinedRun)
                found.append(msgspec.structs.replace(kept, online_keys=keys, highest=highest))
        return tuple(found)

    def welcomed(self, run: str) -> None:
        """The run knows this contributor: the invite's secret is not needed any more."""
        for joined in self.runs():
            if joined.run == run and joined.invite_secret is not None:
                self.join(msgspec.structs.replace(joined, invite_secret=None, online_keys=(), highest=None))

    def note_online_key(self, run: str, sequence: int, signed: Signed) -> None:
        with self._transaction() as database:
            database.execute(
                "INSERT OR IGNORE INTO online_keys (run, sequence, signed) VALUES (?, ?, ?)",
                (run, sequence, msgspec.json.encode(signed)),
            )

    def note_highest(self, run: str, highest: HighestSeen) -> None:
        with self._transaction() as database:
            database.execute(
                "UPDATE runs SET branch = ?, number = ?, sequence = ? WHERE run = ?",
                (highest.branch, highest.number, highest.sequence, run),
            )

    def note_blobs(self, run: str, blobs: tuple[BlobRef, ...]) -> None:
        """These are fetched for the run, and go when it is left."""
        with self._transaction() as database:
            database.executemany(
                "INSERT OR IGNORE INTO blobs (run, sha256, size) VALUES (?, ?, ?)",
                [(run, each.sha256, each.size) for each in blobs],
            )

    def blobs(self, run: str) -> tuple[BlobRef, ...]:
        """Everything that was ever fetched for the run; some of it may be gone."""
        with self._reading() as database:
            found = database.execute("SELECT sha256, size FROM blobs WHERE run = ?", (run,)).fetchall()
        return tuple(BlobRef(sha256=sha256, size=size) for sha256, size in found)

    # Open assignments

    def open_assignment(self, assignment: Assignment, signed: Signed) -> None:
        """Remembers an assignment, so that a restarted engine can go on with it or give it back."""
        with self._transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO assignments (assignment_id, run, device, signed) VALUES (?, ?, ?, ?)",
                (assignment.assignment_id, assignment.run, assignment.device, msgspec.json.encode(signed)),
            )

    def close_assignment(self, assignment_id: str) -> None:
        with self._transaction() as database:
            database.execute("DELETE FROM assignments WHERE assignment_id = ?", (assignment_id,))

    def open_assignments(self, run: str) -> tuple[Signed, ...]:
        with self._reading():
            return self._signed("SELECT signed FROM assignments WHERE run = ? ORDER BY assignment_id", run)

    # Updates

    def add(self, update: Update, signed: Signed, payload: Path) -> OutboxRow:
        """Takes a finished update in, with its payload file, which is moved; its assignment is no longer open.

        Raises:
            IntegrityError: ``update.payload`` when the file is not what the update says.
        """
        row = OutboxRow(
            run=update.run,
            device=update.device,
            assignment_id=update.assignment_id,
            update=signed,
            payload=update.payload,
        )
        self._files.take(row, payload)
        self._insert(row)
        return row

    def payload(self, row: OutboxRow) -> Path:
        """Where the payload of a row lies."""
        return self._files.payload(row.assignment_id)

    def pending(self, run: str) -> tuple[OutboxRow, ...]:
        """Updates of a run whose receipts are not stored yet, oldest first."""
        with self._reading() as database:
            found = database.execute("SELECT row FROM updates WHERE run = ? ORDER BY position", (run,))
            return tuple(msgspec.json.decode(row, type=OutboxRow) for (row,) in found)

    def accept(self, receipt: Receipt, signed: Signed) -> None:
        """Stores a receipt and forgets its update; repeating it changes nothing."""
        with self._transaction() as database:
            database.execute(
                "INSERT OR IGNORE INTO receipts (run, assignment_id, sequence, tokens, credit_micro, state, signed)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    receipt.run,
                    receipt.assignment_id,
                    receipt.sequence,
                    receipt.tokens,
                    receipt.credit_micro,
                    receipt.state,
                    msgspec.json.encode(signed),
                ),
            )
            self._forget_update(database, receipt.run, receipt.assignment_id)
        self._files.drop(receipt.assignment_id)

    def refuse(self, refusal: Refusal, signed: Signed) -> None:
        """Stores a final refusal and forgets its update; repeating it changes nothing."""
        with self._transaction() as database:
            database.execute(
                "INSERT OR IGNORE INTO refusals (run, assignment_id, signed) VALUES (?, ?, ?)",
                (refusal.run, refusal.assignment_id, msgspec.json.encode(signed)),
            )
            self._forget_update(database, refusal.run, refusal.assignment_id)
        self._files.drop(refusal.assignment_id)

    def unconfirmed(self, run: str) -> tuple[str, ...]:
        """Assignments of which the coordinator has not been told `Stored` yet."""
        with self._reading() as database:
            found = database.execute("SELECT assignment_id FROM unconfirmed WHERE run = ?", (run,))
            return tuple(assignment_id for (assignment_id,) in found)

    def confirmed(self, run: str, assignment_id: str) -> None:
        """`Stored` was sent."""
        with self._transaction() as database:
            database.execute("DELETE FROM unconfirmed WHERE run = ? AND assignment_id = ?", (run, assignment_id))

    # What was earned

    def receipts(
        self, run: str, after_sequence: int = 0, most: int = RECEIPTS_A_PAGE_MOST, newest: bool = False
    ) -> tuple[Signed, ...]:
        """Signed receipts in the order of the coordinator's log, at most 1,000 at a time: the oldest or the newest."""
        order = "DESC" if newest else "ASC"
        with self._reading() as database:
            found = database.execute(
                f"SELECT signed FROM receipts WHERE run = ? AND sequence > ? ORDER BY sequence {order} LIMIT ?",  # noqa: S608 - one of two words above
                (run, after_sequence, min(most, RECEIPTS_A_PAGE_MOST)),
            )
            receipts = tuple(msgspec.json.decode(signed, type=Signed) for (signed,) in found)
        return tuple(reversed(receipts)) if newest else receipts

    def refusals(self, run: str) -> tuple[Signed, ...]:
        """Signed refusals of a run."""
        with self._reading():
            return self._signed("SELECT signed FROM refusals WHERE run = ? ORDER BY assignment_id", run)

    def totals(self, run: str, day_s: int) -> RunTotals:
        """A run in numbers, with what was earned since the unix second `day_s`."""
        with self._reading() as database:
            (pending,) = database.execute("SELECT count(*) FROM updates WHERE run = ?", (run,)).fetchone()
            (refused,) = database.execute("SELECT count(*) FROM refusals WHERE run = ?", (run,)).fetchone()
            (receipts,) = database.execute("SELECT count(*) FROM receipts WHERE run = ?", (run,)).fetchone()
            accepted, tokens, credit = database.execute(
                "SELECT count(*), coalesce(sum(tokens), 0), coalesce(sum(credit_micro), 0) FROM receipts AS newest"
                " WHERE run = ? AND state != 'revoked' AND sequence = (SELECT max(sequence) FROM receipts AS every"
                " WHERE every.run = newest.run AND every.assignment_id = newest.assignment_id)",
                (run,),
            ).fetchone()
        return RunTotals(
            pending=pending,
            accepted=accepted,
            refused=refused,
            receipts=receipts,
            tokens=tokens,
            credit_micro=credit,
            credit_today_micro=self._credit_since(run, day_s),
            day_s=day_s,
        )

    def _credit_since(self, run: str, day_s: int) -> int:
        """By the newest receipt of each assignment; read from the newest back, which is as much as a day has."""
        total, known = 0, set[str]()
        with self._reading() as database:
            rows = database.execute(
                "SELECT assignment_id, credit_micro, state, signed FROM receipts WHERE run = ? ORDER BY sequence DESC",
                (run,),
            )
            for assignment_id, credit, state, signed in rows:
                body = msgspec.json.decode(signed, type=Signed).body
                if msgspec.json.decode(body, type=Receipt).accepted_at_s < day_s:
                    break
                if assignment_id not in known:
                    known.add(assignment_id)
                    total += credit if state != "revoked" else 0
        return total

    # Small parts

    def recover(self) -> tuple[int, int, int, int]:
        """Makes rows and files agree: (rows restored, rows lost, files removed, runs restored)."""
        rows, rubbish = self._files.found()
        with self._reading() as database:
            known = {
                assignment_id: msgspec.json.decode(row, type=OutboxRow)
                for assignment_id, row in database.execute("SELECT assignment_id, row FROM updates")
            }
            decided = {each for (each,) in database.execute("SELECT assignment_id FROM receipts")}
            decided |= {each for (each,) in database.execute("SELECT assignment_id FROM refusals")}
            joined = {each for (each,) in database.execute("SELECT run FROM runs")}
        lost = [each for each, row in known.items() if not self._files.intact(row)]
        restored = [row for each, row in rows.items() if each not in known and each not in decided]
        removed = [each for each in rows if each in decided] + [each for each in rubbish if each not in known]
        with self._transaction() as database:
            database.executemany("DELETE FROM updates WHERE assignment_id = ?", [(each,) for each in lost])
        for row in restored:
            self._insert(row)
        for assignment_id in (*removed, *lost):
            self._files.drop(assignment_id)
        runs = [each for each in self._files.found_runs() if each.run not in joined]
        for each in runs:
            self.join(each)
        return len(restored), len(lost), len(removed), len(runs)

    def _insert(self, row: OutboxRow) -> None:
        with self._transaction() as database:
            database.execute(
                "INSERT OR IGNORE INTO updates (assignment_id, run, device, position, row)"
                " VALUES (?, ?, ?, (SELECT coalesce(max(position), 0) + 1 FROM updates), ?)",
                (row.assignment_id, row.run, row.device, msgspec.json.encode(row)),
            )
            database.execute("DELETE FROM assignments WHERE assignment_id = ?", (row.assignment_id,))

    def _forget_update(self, database: sqlite3.Connection, run: str, assignment_id: str) -> None:
        database.execute("DELETE FROM updates WHERE assignment_id = ?", (assignment_id,))
        database.execute("DELETE FROM assignments WHERE assignment_id = ?", (assignment_id,))
        database.execute("INSERT OR IGNORE INTO unconfirmed (run, assignment_id) VALUES (?, ?)", (run, assignment_id))

    def _signed(self, query: str, run: str) -> tuple[Signed, ...]:
        return tuple(
            msgspec.json.decode(signed, type=Signed) for (signed,) in self._connection.execute(query, (run,)).fetchall()
        )

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with _database_errors():
            yield self._connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with _database_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite has already rolled back by itself after some errors, a full disk among them.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def open_outbox(folder: Path) -> tuple[Outbox, Recovery]:
    """The outbox in `folder`, put right after whatever happened, and what was found.

    Raises:
        StorageError: ``storage.newer`` when a newer program wrote it; ``storage.full`` or ``storage.unusable``.
    """
    with storage_errors(folder):
        make_folder(folder)
    path = folder / "outbox.sqlite"
    quarantined = None
    try:
        connection = _connect(path)
    except StorageError as error:
        if error.error_id != "storage.damaged":
            raise
        quarantined = _quarantine(path)
        connection = _connect(path)
    outbox = Outbox(connection, OutboxFiles(folder))
    restored, lost, removed, runs = outbox.recover()
    recovery = Recovery(
        quarantined=str(quarantined) if quarantined else None,
        rows_restored=restored,
        rows_lost=lost,
        files_removed=removed,
        runs_restored=runs,
    )
    return outbox, recovery


def _connect(path: Path) -> sqlite3.Connection:
    with _database_errors():
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise StorageError("storage.damaged")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > SCHEMA_VERSION:
                raise StorageError("storage.newer", found=version, known=SCHEMA_VERSION)
            if version < SCHEMA_VERSION:
                new = _SINCE_2 if version else _SCHEMA + _SINCE_2
                connection.executescript(f"BEGIN IMMEDIATE; {new} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        except BaseException:
            connection.close()
            raise
    path.chmod(0o600)
    return connection


def _quarantine(path: Path) -> Path:
    """Moves a damaged database aside, with its journal, under the first free number."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    with storage_errors(path.parent):
        path.rename(aside)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    return aside


@contextmanager
def _database_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname == "SQLITE_FULL":
            raise StorageError("storage.full", folder="outbox") from error
        if error.sqlite_errorname.startswith(("SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN")):
            raise StorageError("storage.unusable", folder="outbox", code=error.sqlite_errorcode) from error
        raise
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorname.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            raise StorageError("storage.damaged") from error
        raise
