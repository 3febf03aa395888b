"""Typed reading and writing of rows that several transactions share."""

import sqlite3
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from sparewatt.errors import UnavailableError
from sparewatt.signing import Signed
from sparewatt.work.assignment import Assignment, Range
from sparewatt.work.manifest import Manifest
from sparewatt.work.receipt import Announcement, Evaluation
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator import schedule
from sparewatt_coordinator.ranges import Cursor, Gap, Piece, shard_order
from sparewatt_coordinator.store.base import RunRecord, Sign
from sparewatt_coordinator.store.decide import AssignmentRow, Facts
from sparewatt_coordinator.store.statements import RunNumbers, VersionRow, announcement

T = TypeVar("T")


def text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def value(stored: str, into: type[T]) -> T:
    return msgspec.json.decode(stored, type=into)


def blob(sha256: str | None, size: int | None) -> BlobRef | None:
    return None if sha256 is None or size is None else BlobRef(sha256=sha256, size=size)


class Tables:
    """One connection and what never changes in a run, read once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.sql = connection
        self._manifest: Manifest | None = None
        self._shards: tuple[tuple[BlobRef, int], ...] | None = None
        self._orders: dict[int, tuple[int, ...]] = {}

    def one(self, query: str, *arguments: object) -> tuple[object, ...] | None:
        found: tuple[object, ...] | None = self.sql.execute(query, arguments).fetchone()
        return found

    def number(self, query: str, *arguments: object) -> int:
        """The only column of the only row, as an integer."""
        found = self.one(query, *arguments)
        if found is None or not isinstance(found[0], int):
            raise TypeError(f"no integer from {query!r}")
        return found[0]

    def record(self) -> RunRecord:
        row = self.sql.execute(
            "SELECT run, manifest, state, words, latest, trained_tokens, credited_tokens, started_milliseconds FROM run"
        ).fetchone()
        if row is None:
            raise UnavailableError("run.missing")
        signed = value(row[1], Signed)
        return RunRecord(
            run=row[0],
            manifest_signed=signed,
            manifest=self.manifest(),
            online_keys=self.online_keys(),
            state=row[2],
            words=row[3],
            version=self.newest(),
            latest=value(row[4], Signed),
            trained_tokens=row[5],
            credited_tokens=row[6],
            started_milliseconds=row[7],
        )

    def online_keys(self) -> tuple[Signed, ...]:
        """Oldest first."""
        rows = self.sql.execute("SELECT signed FROM online_keys ORDER BY place")
        return tuple(value(row[0], Signed) for row in rows)

    def revoked(self, contributor: str) -> bool:
        return self.one("SELECT 1 FROM contributors WHERE contributor = ? AND revoked = 1", contributor) is not None

    def manifest(self) -> Manifest:
        if self._manifest is None:
            row = self.sql.execute("SELECT manifest FROM run").fetchone()
            if row is None:
                raise UnavailableError("run.missing")
            self._manifest = value(value(row[0], Signed).body, Manifest)
        return self._manifest

    def facts(self) -> Facts:
        row = self.sql.execute("SELECT run, state, trained_tokens, started_milliseconds FROM run").fetchone()
        if row is None:
            raise UnavailableError("run.missing")
        gathering = self.gathering()
        return Facts(
            run=row[0],
            manifest=self.manifest(),
            state=row[1],
            version=self.newest(),
            trained_tokens=row[2],
            leased_tokens=self.number("SELECT coalesce(sum(tokens), 0) FROM assignments WHERE state = 'leased'"),
            started_milliseconds=row[3],
            gathering_round=gathering,
            gathering_updates=self.number("SELECT count(*) FROM updates WHERE round = ? AND merged = 'yes'", gathering),
            round_milliseconds=schedule.round_milliseconds(
                self.manifest().start.number + 1, gathering, self.round_began
            ),
        )

    def round_began(self, number: int) -> int:
        """When the first update of a round was accepted."""
        return self.number("SELECT min(accepted_milliseconds) FROM updates WHERE round = ? AND merged = 'yes'", number)

    def gathering(self) -> int:
        return self.number("SELECT round FROM rounds WHERE state = 'gathering'")

    def shards(self) -> tuple[tuple[BlobRef, int], ...]:
        """(blob, tokens) of every shard."""
        if self._shards is None:
            rows = self.sql.execute("SELECT sha256, size, tokens FROM shards ORDER BY shard")
            self._shards = tuple((BlobRef(sha256=row[0], size=row[1]), row[2]) for row in rows)
        return self._shards

    def order(self, pass_number: int) -> tuple[int, ...]:
        """Order of shards in one pass; the last few are remembered."""
        if pass_number not in self._orders:
            if len(self._orders) >= 8:
                self._orders.clear()
            seed = bytes.fromhex(str(self.sql.execute("SELECT run FROM run").fetchone()[0]))
            self._orders[pass_number] = shard_order(seed, pass_number, len(self.shards()))
        return self._orders[pass_number]

    def cursor(self) -> Cursor:
        return Cursor(*self.sql.execute("SELECT cursor_pass, cursor_place, cursor_first FROM run").fetchone())

    def gaps(self, limit: int) -> tuple[Gap, ...]:
        rows = self.sql.execute(
            "SELECT gap_id, pass_number, shard, first, count, origin FROM gaps ORDER BY gap_id LIMIT ?", (limit,)
        )
        return tuple(Gap(row[0], Piece(*row[1:5]), row[5]) for row in rows)

    def add_gaps(self, origin: str, pieces: Sequence[Piece]) -> None:
        self.sql.executemany(
            "INSERT INTO gaps (origin, pass_number, shard, first, count) VALUES (?, ?, ?, ?, ?)",
            [(origin, piece.pass_number, piece.shard, piece.first, piece.count) for piece in pieces],
        )

    def remove_gaps(self, origin: str) -> None:
        self.sql.execute("DELETE FROM gaps WHERE origin = ?", (origin,))

    def ranges(self, pieces: Sequence[Piece]) -> tuple[Range, ...]:
        shards = self.shards()
        return tuple(
            Range(
                pass_number=piece.pass_number,
                shard=piece.shard,
                blob=shards[piece.shard][0],
                first=piece.first,
                count=piece.count,
            )
            for piece in pieces
        )

    def assignment(self, assignment_id: str) -> AssignmentRow | None:
        row = self.sql.execute(
            "SELECT signed, session, request, state, expires_milliseconds, version, renewed, handed_on,"
            " update_sha256, answer FROM assignments WHERE assignment_id = ?",
            (assignment_id,),
        ).fetchone()
        if row is None:
            return None
        signed = value(row[0], Signed)
        return AssignmentRow(
            assignment=value(signed.body, Assignment),
            signed=signed,
            session=row[1],
            request=row[2],
            state=row[3],
            expires_milliseconds=row[4],
            version=row[5],
            renewed=bool(row[6]),
            handed_on=bool(row[7]),
            update_sha256=row[8],
            answer=None if row[9] is None else value(row[9], Signed),
        )

    def newest(self) -> VersionId:
        row = self.sql.execute(
            "SELECT branch, number, sha256 FROM versions ORDER BY branch DESC, number DESC LIMIT 1"
        ).fetchone()
        return VersionId(branch=row[0], number=row[1], sha256=row[2])

    def knows(self, version: VersionId | None) -> bool:
        if version is None:
            return False
        found = self.one("SELECT sha256 FROM versions WHERE branch = ? AND number = ?", *version.position)
        return found is not None and found[0] == version.sha256

    def versions(self) -> tuple[VersionRow, ...]:
        """Versions whose blobs are kept, and the newest, ascending."""
        rows = self.sql.execute(
            "SELECT branch, number, sha256, announcement, patch_sha256, patch_size, keyframe_sha256, keyframe_size"
            " FROM versions WHERE patch_sha256 IS NOT NULL OR keyframe_sha256 IS NOT NULL ORDER BY branch, number"
        )
        return tuple(
            VersionRow(
                version=VersionId(branch=row[0], number=row[1], sha256=row[2]),
                announcement=value(row[3], Signed),
                patch=blob(row[4], row[5]),
                keyframe=blob(row[6], row[7]),
                moments=value(value(row[3], Signed).body, Announcement).moments,
            )
            for row in rows
        )

    def add_blob(self, kind: str, number: int, added: BlobRef) -> None:
        self.sql.execute(
            "INSERT OR IGNORE INTO blobs (sha256, kind, number, size) VALUES (?, ?, ?, ?)",
            (added.sha256, kind, number, added.size),
        )

    def evaluations(self) -> tuple[Evaluation, ...]:
        rows = self.sql.execute("SELECT version, loss_micro, tokens FROM evaluations ORDER BY version")
        return tuple(Evaluation(*row) for row in rows)

    def numbers(self) -> RunNumbers:
        """What the next announcement says of the run."""
        row = self.sql.execute("SELECT run, announcements, trained_tokens, state, words FROM run").fetchone()
        return RunNumbers(
            run=row[0],
            sequence=row[1] + 1,
            evaluations=self.evaluations(),
            tokens=row[2],
            contributors=self.number("SELECT count(DISTINCT contributor) FROM credits"),
            state=row[3],
            words=row[4],
        )

    def announce(self, sign: Sign, kind: str, now_milliseconds: int) -> Signed:
        """Sign an announcement of the newest version with the run's present numbers, and remember it."""
        newest = self.versions()[-1]
        before = value(newest.announcement.body, Announcement)
        stated = announcement(self.numbers(), newest, before.previous, now_milliseconds // 1000)
        signed = sign(kind, stated)
        self.remember(signed, stated.sequence)
        return signed

    def remember(self, signed: Signed, sequence: int) -> None:
        self.sql.execute("UPDATE run SET latest = ?, announcements = ?", (text(signed), sequence))
